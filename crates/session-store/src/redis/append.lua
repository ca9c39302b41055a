-- Appends messages (none: a touch) and gives the session its full time to live again.
-- KEYS: session, messages, mark of this append.
-- ARGV: now, deadline, time to live in ms (0: no end), time of the mark in ms, messages...

-- Replaces `last_active` in the text and nothing else: decoding and encoding again would
-- change numbers and empty lists that other programs wrote.
local function renewed(text, from, to)
    if is_ours(from) and from >= to then
        return text
    end
    local first, last = text:find('"last_active":"' .. from .. '"', 1, true)
    if not first then
        return text
    end
    local changed = text:sub(1, first - 1) .. '"last_active":"' .. to .. '"' .. text:sub(last + 1)
    if cjson.decode(changed).last_active ~= to then
        return text
    end
    return changed
end

-- The answer to an earlier sending of the same append was lost.
if redis.call('EXISTS', KEYS[3]) == 1 then
    return 'done'
end
local text, active = find(KEYS[1], ARGV[2])
if not text then
    return active
end
if #ARGV > 4 then
    local found = kind(KEYS[2])
    if found == 'string' then
        return 'legacy'
    elseif found ~= 'list' and found ~= 'none' then
        return 'damaged messages'
    end
end

-- A server that takes no writes says so at the first one, so nothing is done by halves.
push(KEYS[2], ARGV, 5)
local life = tonumber(ARGV[3])
if life > 0 then
    redis.call('SET', KEYS[1], renewed(text, active, ARGV[1]), 'PX', life)
    redis.call('PEXPIRE', KEYS[2], life)
else
    redis.call('SET', KEYS[1], renewed(text, active, ARGV[1]))
    redis.call('PERSIST', KEYS[2])
end
redis.call('SET', KEYS[3], '', 'PX', ARGV[4])
return 'done'
