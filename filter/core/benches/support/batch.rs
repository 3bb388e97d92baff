//! The largest call that each vendor takes, and an answer that tells recipients apart as far as the vendor does. Where it
//! lists only whom it refused, half of them are refused.

use crate::cases::{Answer, Sent};

/// Most vendors take so many recipients at once.
const MOST: usize = 1_000;
/// Tencent takes fewer.
const OF_TENCENT: usize = 200;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A call with all recipients that it may have, and their number.
pub(crate) fn largest(vendor: &str) -> Option<(Sent, Answer, usize)> {
    let tokens: Vec<String> = (0..MOST).map(|number| format!("rEg1stRat10n-{number:012}")).collect();
    let (sent, answer) = match vendor {
        "huawei" => huawei(&tokens),
        "honor" => honor(&tokens),
        "xiaomi" => xiaomi(&tokens),
        "oppo" => oppo(&tokens),
        "vivo" => vivo(&tokens),
        "meizu" => meizu(&tokens),
        "wecom" => wecom(&tokens),
        "sms-aliyun" => aliyun(),
        "sms-tencent" => return Some(tencent()),
        "jpush" => jpush(&tokens),
        "getui" => getui(&tokens),
        "sendgrid" => sendgrid(),
        "mailgun" => mailgun(),
        "generic-json" => generic(&tokens),
        _ => return None,
    };
    Some((sent, answer, MOST))
}

fn huawei(tokens: &[String]) -> (Sent, Answer) {
    let body = format!(
        r#"{{"validate_only":false,"message":{{"notification":{{"title":"Hello","body":"World"}},"android":{{"ttl":"86400s","bi_tag":"order-42"}},"token":[{}]}}}}"#,
        quoted(tokens, ",")
    );
    let refused = quoted(&half(tokens), ",").replace('"', "\\\"");
    let answer = format!(
        r#"{{"code":"80100000","msg":"{{\"success\":500,\"failure\":500,\"illegal_tokens\":[{refused}]}}","requestId":"157440955549500001002006"}}"#
    );
    (post("push-api.cloud.huawei.com", "/v1/100000001/messages:send", JSON, body), ok(answer))
}

fn honor(tokens: &[String]) -> (Sent, Answer) {
    let body = format!(
        r#"{{"notification":{{"title":"Hello","body":"World"}},"android":{{"ttl":"86400s","biTag":"order-42"}},"token":[{}]}}"#,
        quoted(tokens, ",")
    );
    let answer = format!(
        r#"{{"code":200,"message":"success","data":{{"sendResult":true,"requestId":"170000000000012345678","failTokens":[{}],"expireTokens":[]}}}}"#,
        quoted(&half(tokens), ",")
    );
    (post("push-api.cloud.honor.com", "/api/v1/104400001/sendMessage", JSON, body), ok(answer))
}

fn xiaomi(tokens: &[String]) -> (Sent, Answer) {
    let recipients = tokens.join(",");
    let body = form(&[
        ("title", "Hello"),
        ("description", "World"),
        ("extra.jobkey", "order-42"),
        ("registration_id", &recipients),
    ]);
    let answer = format!(
        r#"{{"result":"ok","code":0,"data":{{"id":"sdm02341520361583166sk","bad_regids":"{}"}},"description":"ok"}}"#,
        half(tokens).join(",")
    );
    (post("api.xmpush.xiaomi.com", "/v3/message/regid", FORM, body), ok(answer))
}

fn oppo(tokens: &[String]) -> (Sent, Answer) {
    let message = |(number, token): (usize, &String)| {
        format!(
            r#"{{"target_type":2,"target_value":"{token}","notification":{{"title":"Hello","content":"World","app_message_id":"o-{number}"}}}}"#
        )
    };
    let messages = list(tokens.iter().enumerate().map(message));
    let body = form(&[("auth_token", "58ad47319e8d725350a5afd5"), ("messages", &messages)]);
    let result = |(number, token): (usize, &String)| {
        if number % 2 == 0 {
            format!(r#"{{"messageId":"5ad5b7c8b2{number}","registrationId":"{token}"}}"#)
        } else {
            format!(r#"{{"errorCode":10000,"errorMessage":"Invalid RegistrationId","registrationId":"{token}"}}"#)
        }
    };
    let results = list(tokens.iter().enumerate().map(result));
    let answer = format!(r#"{{"code":0,"message":"Success","data":{results}}}"#);
    (post("api.push.oppomobile.com", "/server/v1/message/notification/unicast_batch", FORM, body), ok(answer))
}

fn vivo(tokens: &[String]) -> (Sent, Answer) {
    let body = format!(r#"{{"taskId":"542423423424","requestId":"order-42","regIds":[{}]}}"#, quoted(tokens, ","));
    let refused = list(half(tokens).iter().map(|token| format!(r#"{{"status":1,"userid":"{token}"}}"#)));
    let answer = format!(r#"{{"result":0,"desc":"ok","taskId":"542423423424","invalidUsers":{refused}}}"#);
    (post("api-push.vivo.com.cn", "/message/pushToList", JSON, body), ok(answer))
}

fn meizu(tokens: &[String]) -> (Sent, Answer) {
    let recipients = tokens.join(",");
    let message = r#"{"noticeBarInfo":{"title":"Order","content":"It is on its way"}}"#;
    let body = form(&[("appId", "100999"), ("pushIds", &recipients), ("messageJson", message), ("sign", "a68b75e5")]);
    let refused = half(tokens);
    let (unknown, limited) = refused.split_at(refused.len() / 2);
    let answer = format!(
        r#"{{"code":"200","message":"","value":{{"110002":[{}],"201":[{}]}},"redirect":"","msgId":"NS2020"}}"#,
        quoted(unknown, ","),
        quoted(limited, ",")
    );
    (post("server-api-push.meizu.com", "/garcia/api/server/push/varnished/pushByPushId", FORM, body), ok(answer))
}

fn wecom(tokens: &[String]) -> (Sent, Answer) {
    let body = format!(
        r#"{{"touser":"{}","msgtype":"text","agentid":1000002,"text":{{"content":"It is on its way"}},"safe":0}}"#,
        tokens.join("|")
    );
    let answer =
        format!(r#"{{"errcode":0,"errmsg":"ok","invaliduser":"{}","msgid":"6bIY3cbKsU"}}"#, half(tokens).join("|"));
    (post("qyapi.weixin.qq.com", "/cgi-bin/message/send?access_token=x", JSON, body), ok(answer))
}

fn aliyun() -> (Sent, Answer) {
    let phones = phones(MOST).join(",");
    let body = form(&[
        ("Action", "SendSms"),
        ("SignName", "Example"),
        ("TemplateCode", "SMS_153055065"),
        ("OutId", "order-42"),
        ("PhoneNumbers", &phones),
    ]);
    let answer = r#"{"Message":"OK","RequestId":"F655A8D5-B967-440B-8683-DAD6FF8DE990","BizId":"900619746936498440^0","Code":"OK"}"#;
    (post("dysmsapi.aliyuncs.com", "/", FORM, body), ok(answer.to_owned()))
}

fn tencent() -> (Sent, Answer, usize) {
    let phones: Vec<String> = phones(OF_TENCENT).iter().map(|phone| format!("+86{phone}")).collect();
    let body = format!(
        r#"{{"PhoneNumberSet":[{}],"SmsSdkAppId":"1400006666","TemplateId":"1110","SessionContext":"order-42"}}"#,
        quoted(&phones, ",")
    );
    let result = |(number, phone): (usize, &String)| {
        format!(
            r#"{{"SerialNo":"5000:{number}","PhoneNumber":"{phone}","Fee":1,"SessionContext":"order-42","Code":"Ok","Message":"send success","IsoCode":"CN"}}"#
        )
    };
    let results = list(phones.iter().enumerate().map(result));
    let answer = format!(r#"{{"Response":{{"SendStatusSet":{results},"RequestId":"a0aabda6"}}}}"#);
    let mut sent = post("sms.tencentcloudapi.com", "/", JSON, body);
    sent.lines.push(("x-tc-action".to_owned(), "SendSms".to_owned()));
    (sent, ok(answer), OF_TENCENT)
}

fn jpush(tokens: &[String]) -> (Sent, Answer) {
    let push = |(number, token): (usize, &String)| {
        format!(
            r#""8103a4c6-{number:04}":{{"platform":"all","target":"{token}","notification":{{"android":{{"alert":"Hello"}}}}}}"#
        )
    };
    let pushes: Vec<String> = tokens.iter().enumerate().map(push).collect();
    let body = format!(r#"{{"pushlist":{{{}}}}}"#, pushes.join(","));
    let result = |number: usize| format!(r#""8103a4c6-{number:04}":{{"msg_id":"18100287{number}"}}"#);
    let results: Vec<String> = (0..tokens.len()).map(result).collect();
    (post("api.jpush.cn", "/v3/push/batch/regid/single", JSON, body), ok(format!("{{{}}}", results.join(","))))
}

fn getui(tokens: &[String]) -> (Sent, Answer) {
    let body = format!(r#"{{"audience":{{"cid":[{}]}},"taskid":"RASL_1127","is_async":false}}"#, quoted(tokens, ","));
    let results: Vec<String> = tokens.iter().map(|token| format!(r#""{token}":"successed_online""#)).collect();
    let answer = format!(r#"{{"code":0,"msg":"success","data":{{"RASL_1127":{{{}}}}}}}"#, results.join(","));
    (post("restapi.getui.com", "/v2/dhuwzAbvXa6eZ9k3LqTn25/push/list/cid", JSON, body), ok(answer))
}

fn sendgrid() -> (Sent, Answer) {
    let personalization = |number: usize| {
        format!(r#"{{"to":[{{"email":"alice{number}@example.com"}}],"custom_args":{{"message_id":"order-{number}"}}}}"#)
    };
    let body = format!(
        r#"{{"personalizations":{},"from":{{"email":"noreply@example.com"}},"template_id":"d-1","content":[{{"type":"text/plain","value":"Hello"}}]}}"#,
        list((0..MOST).map(personalization))
    );
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let lines = vec![line(":status", "202"), line("x-message-id", "LRzXl_NHStOGhQ4kofSm_A")];
    let answer = Answer { details: "via_upstream", lines, body: Some(String::new()) };
    (post("api.sendgrid.com", "/v3/mail/send", JSON, body), answer)
}

fn mailgun() -> (Sent, Answer) {
    let recipients: Vec<String> = (0..MOST).map(|number| format!("alice{number}@example.com")).collect();
    let recipients = recipients.join(",");
    let body = form(&[("from", "noreply@example.com"), ("to", &recipients), ("v:message_id", "order-42")]);
    let answer = r#"{"id":"<20261127100000.1.26A3D8B0C1E2F3A4@mg.example.com>","message":"Queued. Thank you."}"#;
    (post("api.mailgun.net", "/v3/mg.example.com/messages", FORM, body), ok(answer.to_owned()))
}

fn generic(tokens: &[String]) -> (Sent, Answer) {
    let body = format!(r#"{{"message_id":"order-42","template":"tpl-7","recipients":[{}]}}"#, quoted(tokens, ","));
    (post("lc.internal", "/push", JSON, body), ok(r#"{"code":0,"message":"","data":{"id":"lc-1"}}"#.to_owned()))
}

fn half(tokens: &[String]) -> Vec<String> {
    tokens.iter().step_by(2).cloned().collect()
}

fn phones(number: usize) -> Vec<String> {
    (0..number).map(|number| format!("1380013{number:04}")).collect()
}

fn quoted(tokens: &[String], separator: &str) -> String {
    tokens.iter().map(|token| format!("\"{token}\"")).collect::<Vec<_>>().join(separator)
}

fn list(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn post(host: &str, path: &str, content_type: &str, body: String) -> Sent {
    let lines = [(":method", "POST"), (":authority", host), (":path", path), ("content-type", content_type)];
    let lines = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Sent { is_inbound: false, lines, body: Some(body) }
}

fn ok(body: String) -> Answer {
    let lines = [(":status", "200"), ("content-type", JSON)];
    let lines = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Answer { details: "via_upstream", lines, body: Some(body) }
}
