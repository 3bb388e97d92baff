//! The server behind the proxies: answers each exchange as its case says, and keeps what it was sent.

use super::case::{AnswerSpec, Fail, text};
use super::observe::{Message, header_lines};
use super::paced::{End, Paced, trailers};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use pointsman_host::http::serve;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The names of headers that carry the script.
const OURS: [&str; 2] = ["x-tag", "x-script"];

/// The server, for HTTP/1.1 and HTTP/2 alike. Dropping it closes its listener.
pub struct Upstream {
    /// Where it listens.
    pub addr: SocketAddr,
    received: Arc<Mutex<BTreeMap<String, Vec<Message>>>>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Answers by the tag of the request.
    pub async fn start(answers: HashMap<String, AnswerSpec>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let received: Arc<Mutex<BTreeMap<String, Vec<Message>>>> = Arc::default();
        let (ledger, answers) = (Arc::clone(&received), Arc::new(answers));
        let handler = move |request| handle(request, Arc::clone(&answers), Arc::clone(&ledger));
        let task = tokio::spawn(serve(listener, handler, std::future::pending()));
        Self { addr, received, task }
    }

    /// What the exchange of this tag has sent.
    pub fn received(&self, tag: &str) -> Vec<Message> {
        self.received.lock().expect("no thread panics with the lock").get(tag).cloned().unwrap_or_default()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(
    request: Request<Incoming>,
    answers: Arc<HashMap<String, AnswerSpec>>,
    ledger: Arc<Mutex<BTreeMap<String, Vec<Message>>>>,
) -> io::Result<Response<Paced>> {
    let (head, body) = request.into_parts();
    let tag = head.headers.get("x-tag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
    let answer = answers.get(&tag).cloned().unwrap_or_default();
    let mut message = Message {
        first: format!(
            "{} {} {:?}",
            head.method,
            head.uri.path_and_query().map_or("", |path| path.as_str()),
            head.version
        ),
        headers: header_lines(&head.headers, &OURS),
        ..Message::default()
    };
    if let Some(authority) = head.uri.authority() {
        message.headers.insert(0, format!("host: {authority}"));
    }
    // It is known from the first byte on: a request that never ends has been sent too.
    let index = keep(&ledger, &tag, None, message.clone());
    if answer.fail == Fail::Early {
        tokio::spawn(async move {
            message.read(body).await;
            keep(&ledger, &tag, Some(index), message);
        });
    } else {
        message.read(body).await;
        keep(&ledger, &tag, Some(index), message);
    }
    respond(answer).await
}

fn keep(ledger: &Mutex<BTreeMap<String, Vec<Message>>>, tag: &str, index: Option<usize>, message: Message) -> usize {
    let mut ledger = ledger.lock().expect("no thread panics with the lock");
    let messages = ledger.entry(tag.to_owned()).or_default();
    match index {
        Some(index) => messages[index] = message,
        None => messages.push(message),
    }
    messages.len() - 1
}

async fn respond(answer: AnswerSpec) -> io::Result<Response<Paced>> {
    tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    let end = match answer.fail {
        Fail::Reset => return Err(io::Error::other("closed")),
        Fail::Never => return std::future::pending().await,
        Fail::ResetAfterBody => End::Broken,
        Fail::HangAfterBody => End::Never,
        Fail::No | Fail::Early if answer.trailers.is_empty() => End::Whole,
        Fail::No | Fail::Early => End::Trailers(trailers(&answer.trailers)),
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let pieces = answer.body.iter().map(|piece| Bytes::from(text(piece))).collect();
    response.body(Paced::new(pieces, end)).map_err(io::Error::other)
}

impl Message {
    /// Reads what follows the head.
    async fn read(&mut self, mut body: Incoming) {
        loop {
            match body.frame().await {
                None => return,
                Some(Err(_)) => {
                    self.end = "broken off";
                    return;
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.body.extend_from_slice(&data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        self.trailers = header_lines(&trailers, &[]);
                    }
                },
            }
        }
    }
}
