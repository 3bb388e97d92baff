-- Every event, once: the events of a message lie side by side, and days are taken out whole.
--
-- key, identity and subject follow from the other columns; whoever inserts without the tracker leaves them out. They are
-- what `event.rs` makes of an event, byte for byte.
CREATE TABLE IF NOT EXISTS events
(
    kind Enum8('status' = 0, 'alias' = 1, 'enter' = 2, 'dead_letter' = 3, 'span' = 4, 'channel_state' = 5, 'rule' = 6,
        'drill_report' = 7, 'other' = 8),
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    name LowCardinality(String) CODEC(ZSTD(1)),
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    node LowCardinality(String) CODEC(ZSTD(1)),
    channel LowCardinality(String) CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    code LowCardinality(String) CODEC(ZSTD(1)),
    business LowCardinality(String) CODEC(ZSTD(1)),
    template LowCardinality(String) CODEC(ZSTD(1)),
    fate LowCardinality(String) CODEC(ZSTD(1)),
    switched_from LowCardinality(String) CODEC(ZSTD(1)),
    conflict LowCardinality(String) CODEC(ZSTD(1)),
    text LowCardinality(String) CODEC(ZSTD(1)),
    on_time Nullable(Bool) CODEC(ZSTD(1)),
    drill Bool CODEC(ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    vendor_id String CODEC(ZSTD(1)),
    recipient String CODEC(ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    parent_id FixedString(8) CODEC(ZSTD(1)),
    duration_ms Nullable(UInt64) CODEC(ZSTD(1)),
    attempt UInt32 CODEC(ZSTD(1)),
    rest String CODEC(ZSTD(1)),

    subject Enum8('nobody' = 0, 'message' = 1, 'vendor' = 2, 'trace' = 3) DEFAULT multiIf(
        kind IN ('channel_state', 'rule', 'drill_report'), 'nobody',
        message_id != '', 'message',
        vendor_id != '' AND channel != '', 'vendor',
        trace_id != toFixedString('', 16), 'trace',
        'nobody') CODEC(ZSTD(1)),
    key FixedString(12) DEFAULT toFixedString(multiIf(
        subject = 'message', substring(SHA256(concat(
            reinterpretAsFixedString(toUInt64(7)), 'message',
            reinterpretAsFixedString(toUInt64(length(tenant))), tenant,
            reinterpretAsFixedString(toUInt64(length(message_id))), message_id)), 1, 12),
        subject = 'vendor', substring(SHA256(concat(
            reinterpretAsFixedString(toUInt64(6)), 'vendor',
            reinterpretAsFixedString(toUInt64(length(tenant))), tenant,
            reinterpretAsFixedString(toUInt64(length(channel))), channel,
            reinterpretAsFixedString(toUInt64(length(vendor_id))), vendor_id)), 1, 12),
        subject = 'trace', substring(SHA256(concat(
            reinterpretAsFixedString(toUInt64(5)), 'trace',
            reinterpretAsFixedString(toUInt64(16)), trace_id)), 1, 12),
        ''), 12) CODEC(ZSTD(1)),
    identity UInt64 DEFAULT reinterpretAsUInt64(reverse(substring(SHA256(concat(
        char(toUInt8(kind)), span_id, multiIf(
            kind = 'span', concat(name, '\0'),
            kind IN ('status', 'alias', 'enter', 'dead_letter'),
                concat(node, '\0', channel, '\0', status, '\0', recipient, '\0', vendor_id, '\0'),
            concat(name, '\0', service, '\0', node, '\0', channel, '\0', status, '\0', recipient, '\0', rest, '\0',
                -- Not when it came, where that stands for a time that is not told or not believed.
                substring(reinterpretAsFixedString(toUInt64(toUnixTimestamp64Milli(at))), 1,
                    if(position(rest, '"claimed_unix_ms":') > 0, 0, 8)))))), 1, 8))) CODEC(NONE),

    -- Of the few keys of one look-up hardly any is in a granule that it is not in.
    INDEX key_bloom key TYPE bloom_filter(0.000001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(at)
ORDER BY (key, identity)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
    non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
