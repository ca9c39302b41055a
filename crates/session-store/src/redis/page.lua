-- Reads some messages, if the session is alive.
-- KEYS: session, messages. ARGV: deadline, first, last.
local text, why = find(KEYS[1], ARGV[1])
if not text then
    return { why, {} }
end
local found = kind(KEYS[2])
if found == 'string' then
    return { 'legacy', {} }
elseif found ~= 'list' and found ~= 'none' then
    return { 'damaged messages', {} }
end
return { 'done', redis.call('LRANGE', KEYS[2], ARGV[2], ARGV[3]) }
