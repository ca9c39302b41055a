-- Moves a legacy array into a list, if it still is what was read.
-- KEYS: messages, place to build the list in, session. ARGV: the array, its elements...
if kind(KEYS[1]) ~= 'string' or redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 'changed'
end
-- Built elsewhere and renamed: if anything fails on the way, the array is still there.
redis.call('DEL', KEYS[2])
push(KEYS[2], ARGV, 2)
if #ARGV > 1 then
    redis.call('RENAME', KEYS[2], KEYS[1])
else
    redis.call('DEL', KEYS[1])
end
-- The messages live as long as their session.
local life = redis.call('PTTL', KEYS[3])
if life > 0 then
    redis.call('PEXPIRE', KEYS[1], life)
end
return 'done'
