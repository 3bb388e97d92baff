-- Events by the minute and by what they say. An event that is inserted twice is counted twice: that none is, is the tracker's
-- part.
CREATE TABLE IF NOT EXISTS minutes
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    kind Enum8('status' = 0, 'alias' = 1, 'enter' = 2, 'dead_letter' = 3, 'span' = 4, 'channel_state' = 5, 'rule' = 6,
        'drill_report' = 7, 'other' = 8),
    channel LowCardinality(String),
    node LowCardinality(String),
    status LowCardinality(String),
    outcome LowCardinality(String),
    code LowCardinality(String),
    business LowCardinality(String),
    text LowCardinality(String),
    events SimpleAggregateFunction(sum, UInt64),
    on_time SimpleAggregateFunction(sum, UInt64),
    late SimpleAggregateFunction(sum, UInt64),
    durations SimpleAggregateFunction(sumMap, Map(UInt8, UInt64))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (minute, kind, channel, node, status, outcome, code, business, text)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1, fsync_part_directory = 1;

-- The bounds are those of `histogram.rs`.
CREATE MATERIALIZED VIEW IF NOT EXISTS minutes_of_events TO minutes AS
SELECT
    toStartOfMinute(at) AS minute,
    kind,
    channel,
    node,
    status,
    outcome,
    code,
    business,
    text,
    count() AS events,
    countIf(events.on_time = true) AS on_time,
    countIf(events.on_time = false) AS late,
    sumMap(if(isNull(duration_ms), map(), map(toUInt8(arrayCount(bound -> bound <= assumeNotNull(duration_ms), [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 19, 22, 26, 31, 37, 44, 52, 62, 74, 88, 105, 126, 151, 181, 217,
        260, 312, 374, 448, 537, 644, 772, 926, 1111, 1333, 1599, 1918, 2301, 2761, 3313, 3975, 4770, 5724, 6868,
        8241, 9889, 11866, 14239, 17086, 20503, 24603, 29523, 35427, 42512, 51014, 61216, 73459, 88150, 105780,
        126936, 152323, 182787, 219344, 263212, 315854, 379024, 454828, 545793, 654951, 785941, 943129, 1131754,
        1358104, 1629724, 1955668, 2346801, 2816161, 3379393, 4055271, 4866325, 5839590, 7007508, 8409009, 10090810,
        12108972, 14530766, 17436919, 20924302, 25109162
    ])), toUInt64(1)))) AS durations
FROM events
WHERE kind NOT IN ('channel_state', 'rule', 'drill_report')
GROUP BY minute, kind, channel, node, status, outcome, code, business, text;
