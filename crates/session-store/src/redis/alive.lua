-- What every script begins with. A script runs as a whole: nothing else happens in between.

-- Our own times have one form, so that their order is the order of the text. A time in
-- another form was written by another program.
local function is_ours(time)
    return #time == 27 and time:match('^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$')
end

-- Returns the text of the session and its `last_active`; or nil and why not.
-- A session that was last active at `deadline` or before has ended, if the server has
-- removed it already or not.
local function find(key, deadline)
    local text = redis.pcall('GET', key)
    if not text then
        return nil, 'gone'
    end
    -- An error, for another kind of value under the key, is a table.
    local is_json, session = pcall(cjson.decode, text)
    if not is_json or type(session) ~= 'table' or type(session.last_active) ~= 'string' then
        return nil, 'damaged session'
    end
    if is_ours(session.last_active) and session.last_active <= deadline then
        return nil, 'gone'
    end
    return text, session.last_active
end

-- Redis keeps lists and the legacy array under one name; the name of the kind tells them apart.
local function kind(key)
    return redis.call('TYPE', key).ok
end

-- More values than this at a time would not fit on the stack of a script.
local MOST = 1000

local function push(key, values, first)
    for from = first, #values, MOST do
        redis.call('RPUSH', key, unpack(values, from, math.min(from + MOST - 1, #values)))
    end
end
