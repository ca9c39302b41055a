-- Deletes a session and its messages, also one that is damaged.
-- KEYS: session, messages. ARGV: deadline.
local text, why = find(KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[1], KEYS[2])
if text then
    return 'done'
end
return why
