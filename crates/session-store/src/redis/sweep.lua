-- Deletes a session that was found to have ended, unless it was used since.
-- KEYS: session, messages. ARGV: the session as it was found.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 'changed'
end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 'done'
