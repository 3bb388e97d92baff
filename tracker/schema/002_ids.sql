-- Whose an id is: by the first 8 bytes of its SHA-256. A row comes again and again and says the same.
CREATE TABLE IF NOT EXISTS ids
(
    day Date CODEC(ZSTD(1)),
    what Enum8('message' = 1, 'vendor' = 2, 'trace' = 3, 'recipient' = 4),
    hash UInt64 CODEC(Delta, ZSTD(1)),
    key FixedString(12) CODEC(NONE),
    subject Enum8('nobody' = 0, 'message' = 1, 'vendor' = 2, 'trace' = 3)
)
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (what, hash, key)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
    non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS ids_of_events TO ids AS
SELECT DISTINCT
    toDate(at) AS day,
    CAST(pair.1, 'Enum8(\'message\' = 1, \'vendor\' = 2, \'trace\' = 3, \'recipient\' = 4)') AS what,
    reinterpretAsUInt64(substring(SHA256(pair.2), 1, 8)) AS hash,
    key,
    subject
FROM events
ARRAY JOIN [
    (toInt8(1), message_id),
    (toInt8(2), vendor_id),
    (toInt8(3), if(trace_id = toFixedString('', 16), '', concat(trace_id, ''))),
    (toInt8(4), recipient)] AS pair
WHERE subject != 'nobody' AND pair.2 != '';

-- Which message a vendor's id is of: the keys of both.
CREATE TABLE IF NOT EXISTS claims
(
    day Date CODEC(ZSTD(1)),
    vendor FixedString(12) CODEC(NONE),
    message FixedString(12) CODEC(NONE)
)
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (vendor, message)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
    non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS claims_of_events TO claims AS
SELECT DISTINCT
    toDate(at) AS day,
    toFixedString(substring(SHA256(concat(
        reinterpretAsFixedString(toUInt64(6)), 'vendor',
        reinterpretAsFixedString(toUInt64(length(tenant))), tenant,
        reinterpretAsFixedString(toUInt64(length(channel))), channel,
        reinterpretAsFixedString(toUInt64(length(vendor_id))), vendor_id)), 1, 12), 12) AS vendor,
    key AS message
FROM events
WHERE subject = 'message' AND vendor_id != '' AND channel != '';
