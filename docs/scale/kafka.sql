-- Takes OTLP in JSON from Kafka into the tracker's tables, without the tracker: for the database that the tracker has opened
-- once. See docs/scale.md for what it does not do.

CREATE TABLE IF NOT EXISTS logs_from_kafka (body String)
ENGINE = Kafka
SETTINGS kafka_broker_list = 'kafka.internal:9092', kafka_topic_list = 'push-logs', kafka_group_name = 'pointsman',
    kafka_format = 'JSONAsString', kafka_num_consumers = 4, kafka_thread_per_consumer = 1,
    kafka_max_block_size = 65536, kafka_handle_error_mode = 'stream';

CREATE TABLE IF NOT EXISTS spans_from_kafka (body String)
ENGINE = Kafka
SETTINGS kafka_broker_list = 'kafka.internal:9092', kafka_topic_list = 'push-spans', kafka_group_name = 'pointsman',
    kafka_format = 'JSONAsString', kafka_num_consumers = 4, kafka_thread_per_consumer = 1,
    kafka_max_block_size = 65536, kafka_handle_error_mode = 'stream';

CREATE MATERIALIZED VIEW IF NOT EXISTS events_of_logs TO events AS
WITH
    JSONExtractArrayRaw(record, 'attributes') AS said,
    JSONExtractArrayRaw(owner, 'resource', 'attributes') AS of_resource,
    arrayMap(pair -> JSONExtractString(pair, 'key'), said) AS names,
    -- Attributes by name: as text; as a number or a truth; as a list of text.
    mapFromArrays(names, arrayMap(pair -> JSONExtractString(pair, 'value', 'stringValue'), said)) AS words,
    mapFromArrays(names, arrayMap(pair -> replaceAll(if(JSONHas(pair, 'value', 'intValue'),
        JSONExtractRaw(pair, 'value', 'intValue'), JSONExtractRaw(pair, 'value', 'boolValue')), '"', ''), said)) AS plain,
    mapFromArrays(names, arrayMap(pair -> arrayFilter(word -> word != '', arrayMap(
        word -> JSONExtractString(word, 'stringValue'),
        JSONExtractArrayRaw(pair, 'value', 'arrayValue', 'values'))), said)) AS lists,
    mapFromArrays(
        arrayMap(pair -> JSONExtractString(pair, 'key'), of_resource),
        arrayMap(pair -> JSONExtractString(pair, 'value', 'stringValue'), of_resource)) AS resource,
    if(words['push.message.id'] != '', [words['push.message.id']], lists['push.message.id']) AS own,
    if(notEmpty(own), own, if(words['messaging.message.id'] != '', [words['messaging.message.id']],
        lists['messaging.message.id'])) AS named,
    if(words['push.recipient.hash'] != '', [words['push.recipient.hash']], lists['push.recipient.hash']) AS recipients,
    -- A message with several recipients: an event for each of those; several messages: one for each of these.
    multiIf(
        length(named) <= 1 AND length(recipients) > 1, arrayMap(recipient -> (named[1], recipient), recipients),
        empty(named), [('', recipients[1])],
        arrayMap((message, n) -> (message, if(length(named) = length(recipients), recipients[n], '')),
            named, arrayEnumerate(named))) AS pairs,
    JSONExtractString(record, 'eventName') AS event,
    intDiv(toUInt64OrZero(replaceAll(JSONExtractRaw(record, 'timeUnixNano'), '"', '')), 1000000) AS told_ms,
    intDiv(toUInt64OrZero(replaceAll(JSONExtractRaw(record, 'observedTimeUnixNano'), '"', '')), 1000000) AS observed_ms,
    if(told_ms > 0, told_ms, observed_ms) AS ms,
    ms = 0 OR ms > toUnixTimestamp64Milli(now64(3)) + 600000 AS is_doubtful,
    multiIf(
        event = 'push.message.status' AND words['push.status'] != '', 'status',
        event = 'push.message.alias' AND words['push.vendor.message_id'] != '' AND notEmpty(own), 'alias',
        event = 'push.node.enter', 'enter',
        event = 'push.message.dead_letter', 'dead_letter',
        event = 'push.channel.state' AND words['push.state'] != '', 'channel_state',
        event = 'push.rule.applied' AND words['push.rule'] != '', 'rule',
        event = 'push.drill.report' AND words['push.drill.name'] != '', 'drill_report',
        'other') AS is,
    multiIf(words['error.message'] != '', words['error.message'], words['exception.message'] != '',
        words['exception.message'], words['push.vendor.message']) AS wrong
SELECT
    is AS kind,
    if(is_doubtful, now64(3), fromUnixTimestamp64Milli(toInt64(ms))) AS at,
    multiIf(is = 'other', event, is = 'rule', words['push.rule'], is = 'drill_report', words['push.drill.name'], '') AS name,
    if(is = 'channel_state', words['push.state'], words['push.status']) AS status,
    multiIf(is = 'channel_state', words['push.reason'], is = 'rule', words['push.rule.result'],
        words['push.vendor.code'] != '', words['push.vendor.code'], plain['push.vendor.code']) AS code,
    if(is = 'rule', words['push.rule.kind'], words['push.template.id']) AS template,
    toUInt64OrNull(plain['push.duration_ms']) AS duration_ms,
    CAST('', 'FixedString(8)') AS parent_id,
    if(words['push.tenant'] != '', words['push.tenant'], resource['push.tenant']) AS tenant,
    resource['service.name'] AS service,
    words['push.node'] AS node,
    words['push.channel'] AS channel,
    words['push.outcome'] AS outcome,
    words['push.business'] AS business,
    words['push.fate'] AS fate,
    words['push.switched_from'] AS switched_from,
    words['push.status.conflict'] AS conflict,
    substring(replaceRegexpAll(lower(wrong), '(["`\'][^"`\']*["`\']|[0-9a-f.:-]*[0-9][0-9a-f.:-]*)', '#'), 1, 120) AS text,
    multiIf(plain['push.on_time'] = 'true', true, plain['push.on_time'] = 'false', false, NULL) AS on_time,
    plain['push.drill'] = 'true' AS drill,
    whose.1 AS message_id,
    words['push.vendor.message_id'] AS vendor_id,
    whose.2 AS recipient,
    CAST(if(match(JSONExtractString(record, 'traceId'), '^[0-9a-fA-F]{32}$'),
        unhex(JSONExtractString(record, 'traceId')), ''), 'FixedString(16)') AS trace_id,
    CAST(if(match(JSONExtractString(record, 'spanId'), '^[0-9a-fA-F]{16}$'),
        unhex(JSONExtractString(record, 'spanId')), ''), 'FixedString(8)') AS span_id,
    toUInt32OrZero(plain['push.attempt']) AS attempt,
    -- With the time that it claims, where it happened when it came: so a repeat is known.
    concat('{"attributes":[', arrayStringConcat(said, ','), ']',
        if(is_doubtful, concat(',"claimed_unix_ms":', toString(ms)), ''), '}') AS rest
FROM
(
    SELECT owner, arrayJoin(JSONExtractArrayRaw(scope, 'logRecords')) AS record FROM
    (
        SELECT owner, arrayJoin(JSONExtractArrayRaw(owner, 'scopeLogs')) AS scope FROM
            (SELECT arrayJoin(JSONExtractArrayRaw(body, 'resourceLogs')) AS owner FROM logs_from_kafka)
    )
)
ARRAY JOIN pairs AS whose;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_of_spans TO events AS
WITH
    JSONExtractArrayRaw(record, 'attributes') AS said,
    JSONExtractArrayRaw(owner, 'resource', 'attributes') AS of_resource,
    arrayMap(pair -> JSONExtractString(pair, 'key'), said) AS names,
    -- Attributes by name: as text; as a number or a truth; as a list of text.
    mapFromArrays(names, arrayMap(pair -> JSONExtractString(pair, 'value', 'stringValue'), said)) AS words,
    mapFromArrays(names, arrayMap(pair -> replaceAll(if(JSONHas(pair, 'value', 'intValue'),
        JSONExtractRaw(pair, 'value', 'intValue'), JSONExtractRaw(pair, 'value', 'boolValue')), '"', ''), said)) AS plain,
    mapFromArrays(names, arrayMap(pair -> arrayFilter(word -> word != '', arrayMap(
        word -> JSONExtractString(word, 'stringValue'),
        JSONExtractArrayRaw(pair, 'value', 'arrayValue', 'values'))), said)) AS lists,
    mapFromArrays(
        arrayMap(pair -> JSONExtractString(pair, 'key'), of_resource),
        arrayMap(pair -> JSONExtractString(pair, 'value', 'stringValue'), of_resource)) AS resource,
    if(words['push.message.id'] != '', [words['push.message.id']], lists['push.message.id']) AS own,
    if(notEmpty(own), own, if(words['messaging.message.id'] != '', [words['messaging.message.id']],
        lists['messaging.message.id'])) AS named,
    if(words['push.recipient.hash'] != '', [words['push.recipient.hash']], lists['push.recipient.hash']) AS recipients,
    -- A message with several recipients: an event for each of those; several messages: one for each of these.
    multiIf(
        length(named) <= 1 AND length(recipients) > 1, arrayMap(recipient -> (named[1], recipient), recipients),
        empty(named), [('', recipients[1])],
        arrayMap((message, n) -> (message, if(length(named) = length(recipients), recipients[n], '')),
            named, arrayEnumerate(named))) AS pairs,
    -- Messages that its links name, where it names none itself.
    arrayDistinct(arrayFilter(id -> id != '', arrayFlatten(arrayMap(link -> arrayMap(
        pair -> if(JSONExtractString(pair, 'key') IN ('push.message.id', 'messaging.message.id'),
            JSONExtractString(pair, 'value', 'stringValue'), ''),
        JSONExtractArrayRaw(link, 'attributes')), JSONExtractArrayRaw(record, 'links'))))) AS linked,
    toUInt64OrZero(replaceAll(JSONExtractRaw(record, 'startTimeUnixNano'), '"', '')) AS start,
    toUInt64OrZero(replaceAll(JSONExtractRaw(record, 'endTimeUnixNano'), '"', '')) AS end,
    intDiv(if(start > 0, start, end), 1000000) AS ms,
    multiIf(words['error.message'] != '', words['error.message'], words['exception.message'] != '',
        words['exception.message'], words['push.vendor.message'] != '', words['push.vendor.message'],
        JSONExtractString(record, 'status', 'message')) AS wrong
SELECT
    'span' AS kind,
    if(ms = 0 OR ms > toUnixTimestamp64Milli(now64(3)) + 600000, now64(3), fromUnixTimestamp64Milli(toInt64(ms))) AS at,
    JSONExtractString(record, 'name') AS name,
    words['push.status'] AS status,
    if(words['push.vendor.code'] != '', words['push.vendor.code'], plain['push.vendor.code']) AS code,
    words['push.template.id'] AS template,
    if(start > 0 AND end >= start, toNullable(intDiv(end - start, 1000000)), NULL) AS duration_ms,
    CAST(if(match(JSONExtractString(record, 'parentSpanId'), '^[0-9a-fA-F]{16}$'),
        unhex(JSONExtractString(record, 'parentSpanId')), ''), 'FixedString(8)') AS parent_id,
    if(words['push.tenant'] != '', words['push.tenant'], resource['push.tenant']) AS tenant,
    resource['service.name'] AS service,
    words['push.node'] AS node,
    words['push.channel'] AS channel,
    words['push.outcome'] AS outcome,
    words['push.business'] AS business,
    words['push.fate'] AS fate,
    words['push.switched_from'] AS switched_from,
    words['push.status.conflict'] AS conflict,
    substring(replaceRegexpAll(lower(wrong), '(["`\'][^"`\']*["`\']|[0-9a-f.:-]*[0-9][0-9a-f.:-]*)', '#'), 1, 120) AS text,
    multiIf(plain['push.on_time'] = 'true', true, plain['push.on_time'] = 'false', false, NULL) AS on_time,
    plain['push.drill'] = 'true' AS drill,
    whose.1 AS message_id,
    words['push.vendor.message_id'] AS vendor_id,
    whose.2 AS recipient,
    CAST(if(match(JSONExtractString(record, 'traceId'), '^[0-9a-fA-F]{32}$'),
        unhex(JSONExtractString(record, 'traceId')), ''), 'FixedString(16)') AS trace_id,
    CAST(if(match(JSONExtractString(record, 'spanId'), '^[0-9a-fA-F]{16}$'),
        unhex(JSONExtractString(record, 'spanId')), ''), 'FixedString(8)') AS span_id,
    toUInt32OrZero(plain['push.attempt']) AS attempt,
    concat('{"attributes":[', arrayStringConcat(said, ','), ']}') AS rest
FROM
(
    SELECT owner, arrayJoin(JSONExtractArrayRaw(scope, 'spans')) AS record FROM
    (
        SELECT owner, arrayJoin(JSONExtractArrayRaw(owner, 'scopeSpans')) AS scope FROM
            (SELECT arrayJoin(JSONExtractArrayRaw(body, 'resourceSpans')) AS owner FROM spans_from_kafka)
    )
)
ARRAY JOIN if(empty(named) AND length(recipients) <= 1 AND notEmpty(linked), arrayMap(id -> (id, recipients[1]), linked), pairs) AS whose;
