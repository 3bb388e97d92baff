//! What stubs can do.

use super::guest::filter;
use super::{proxy, words};
use pointsman_host::testing::{Answer, Request, Stub, TestError, Version};
use std::time::Duration;

type Result = std::result::Result<(), TestError>;

fn post(body: &'static str) -> Request<&'static str> {
    Request::post("/push?n=1").header("te", "trailers").body(body).unwrap()
}

#[tokio::test]
async fn answers_come_in_turn_and_the_last_one_again() -> Result {
    let quota = Answer::new(429, "slow down").header("retry-after", "1");
    let stub = Stub::in_turn([quota, Answer::new(200, "ok")]);
    let proxy = proxy(filter()).upstream("vendor", &stub);
    let first = proxy.send(post("a")).await?;
    assert_eq!((first.status.as_u16(), first.header("retry-after")), (429, Some("1")));
    for body in ["b", "c"] {
        assert_eq!(proxy.send(post(body)).await?.text(), "ok");
    }
    let bodies: Vec<_> = stub.received().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, ["a", "b", "c"]);
    assert_eq!(stub.received()[0].query("n").as_deref(), Some("1"));
    Ok(())
}

#[tokio::test]
async fn a_function_answers() -> Result {
    let stub = Stub::with(|request| Answer::new(201, request.body.clone()).trailer("sum", "7")).http2();
    let proxy = proxy(filter()).upstream("vendor", &stub);
    let response = proxy.send_http2(post("echo")).await?;
    assert_eq!((response.status.as_u16(), response.text().as_str()), (201, "echo"));
    assert_eq!(response.trailers.unwrap()["sum"], "7");
    assert_eq!(stub.received()[0].version, http::Version::HTTP_2);

    let stub = Stub::with(|_| http::Response::builder().status(204).body("").unwrap());
    assert_eq!(super::proxy(filter()).upstream("vendor", stub).send(post("")).await?.status, 204);
    Ok(())
}

#[tokio::test]
async fn request_trailers_reach_the_stub() -> Result {
    use http_body_util::BodyExt as _;
    let stub = Stub::answering(200, "").http2();
    let proxy = proxy(filter()).upstream("vendor", &stub).start().await?;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("sum", http::HeaderValue::from_static("7"));
    let body = http_body_util::Full::from("body").with_trailers(async { Some(Ok(trailers)) });
    proxy.exchange(Version::Http2, Request::post("/").body(Box::pin(body))?).await?;
    assert_eq!(stub.received()[0].trailers.as_ref().unwrap()["sum"], "7");
    Ok(())
}

#[tokio::test]
async fn who_refuses_or_resets_is_answered_for_by_the_proxy() -> Result {
    for stub in [Stub::refusing(), Stub::resetting(), Stub::resetting().http2()] {
        let response = proxy(filter()).upstream("vendor", &stub).send(post("x")).await?;
        assert_eq!(response.status, 503, "{stub:?}: {}", response.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_held_answer_waits_for_the_test() -> Result {
    let stub = Stub::answering(200, "late").held();
    let proxy = proxy(filter()).upstream("vendor", &stub).start().await?;
    let look = async {
        let received = stub.wait_for_received(1).await?;
        assert_eq!(received[0].body, "x");
        stub.release();
        Ok::<_, TestError>(())
    };
    let (response, looked) = tokio::join!(proxy.send(post("x")), look);
    looked?;
    assert_eq!(response?.text(), "late");
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_is_later_than_the_client_waits() -> Result {
    let stub = Stub::answering(200, "").after(Duration::from_secs(30));
    let proxy = proxy(filter()).upstream("vendor", &stub).patience(Duration::from_millis(500));
    let Err(error) = proxy.send(post("x")).await else { panic!("an answer came") };
    assert!(words(&error).contains("seen a request"), "the error shows the filter's lines: {error:?}");
    assert!(words(&error).contains("within 500 ms"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_cannot_be_sent_is_named_at_the_start() {
    let stub = Stub::in_turn([Answer::new(200, "").header("a b", "c")]);
    let Err(error) = proxy(filter()).upstream("vendor", stub).start().await else { panic!("it starts") };
    assert!(words(&error).contains("an answer of the stub of \"vendor\" cannot be sent"), "{error:?}");
}
