-- What decides where a message is, by the hour, its key, the statuses that it has had in it, and the recipient of an accepted
-- visit: a few rows a message. Each value is a least or a greatest one, so that order and repetition leave no trace.
CREATE TABLE IF NOT EXISTS states
(
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    key FixedString(12) CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    -- A hash, of the recipient of a status `sent` of a visit; 0 of all else.
    recipient UInt64 CODEC(ZSTD(1)),
    subject SimpleAggregateFunction(max, Enum8('nobody' = 0, 'message' = 1, 'vendor' = 2, 'trace' = 3)) CODEC(ZSTD(1)),
    begun SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    -- When, the first half of the identity, and business of the first event that tells one.
    business SimpleAggregateFunction(min, Tuple(UInt64, UInt32, String)) CODEC(ZSTD(1)),
    -- When, the first half of the identity, and channel of the last event of this status.
    last SimpleAggregateFunction(max, Tuple(UInt64, UInt32, String)) CODEC(ZSTD(1)),
    -- The least and the greatest hash of a visit that was accepted: they differ if there were two.
    first_visit SimpleAggregateFunction(min, UInt32) CODEC(ZSTD(1)),
    last_visit SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, key, status, recipient)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
    non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS states_of_events TO states AS
WITH
    toUInt64(toUnixTimestamp64Milli(at)) AS ms,
    kind = 'status' AND events.status = 'sent' AND node != '' AND span_id != toFixedString('', 8) AS visited,
    toUInt32(bitShiftRight(identity, 32)) AS half,
    toUInt32(bitAnd(sipHash64(span_id), 4294967295)) AS visit
SELECT
    toDateTime(toStartOfHour(at), 'UTC') AS hour,
    key,
    if(kind = 'status', events.status, '') AS status,
    if(visited, sipHash64(events.recipient), 0) AS recipient,
    max(events.subject) AS subject,
    min(ms) AS begun,
    min(if(events.business != '', (ms, half, toString(events.business)), (18446744073709551615, toUInt32(0), ''))) AS business,
    max((ms, half, toString(channel))) AS last,
    min(if(visited, visit, toUInt32(4294967295))) AS first_visit,
    max(if(visited, visit, toUInt32(0))) AS last_visit
FROM events
WHERE events.subject IN ('message', 'vendor')
GROUP BY hour, key, status, recipient;

-- Visits that were begun.
CREATE TABLE IF NOT EXISTS enters
(
    day Date CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    key FixedString(12) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(NONE),
    identity UInt64 CODEC(NONE)
)
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (at, key, identity)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS enters_of_events TO enters AS
SELECT toDate(at) AS day, at, key, span_id, identity
FROM events
WHERE kind = 'enter' AND span_id != toFixedString('', 8);
