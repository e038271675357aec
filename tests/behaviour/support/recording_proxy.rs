//! A proxy before the S3 server, which notes the head of each request and may answer some itself.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

/// Says, from the head of a request, what to answer without asking the server.
type Answer = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A proxy that runs until the test process ends.
pub struct RecordingProxy {
    /// Base URL.
    pub endpoint: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl RecordingProxy {
    /// Starts before the server at `endpoint`.
    pub fn before(endpoint: &str) -> Self {
        Self::answering(endpoint, |_| None)
    }

    /// Starts before the server at `endpoint`; `answer` gives a whole HTTP answer to requests that the server is not
    /// to see.
    pub fn answering(endpoint: &str, answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let server = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer): (_, Arc<Answer>) = (Arc::clone(&heads), Arc::new(answer));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, noted, answer) = (server.clone(), Arc::clone(&noted), Arc::clone(&answer));
                std::thread::spawn(move || {
                    // A client that goes away in the middle is no fault of the proxy.
                    let _ = relay(client, &server, &noted, &*answer);
                });
            }
        });
        Self { endpoint: own, heads }
    }

    /// The heads of the requests of this method so far, header names in small letters as the SDK writes them.
    pub fn heads(&self, method: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().filter(|head| head.starts_with(&format!("{method} "))).cloned().collect()
    }
}

/// One request a connection: the server is told to close it after its answer.
fn relay(client: TcpStream, server: &str, noted: &Mutex<Vec<String>>, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    noted.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
    let mut body = reader.take(header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0));
    let mut to_client = client;
    if let Some(answer) = answer(&head) {
        if head.contains("100-continue") {
            to_client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        std::io::copy(&mut body, &mut std::io::sink())?;
        to_client.write_all(answer.as_bytes())?;
        return to_client.shutdown(Shutdown::Both);
    }
    let mut to_server = TcpStream::connect(server)?;
    let mut from_server = to_server.try_clone()?;
    to_server.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let answering = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    std::io::copy(&mut body, &mut to_server)?;
    let _ = answering.join();
    Ok(())
}

/// The answer of a store that refuses.
pub fn refusal(status: u16, code: &str, message: &str) -> String {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    answer(status, &body)
}

/// An answer with this body.
pub fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nETag: \"0\"\r\n\r\n{body}"
    )
}

/// The value of a header in the head of a request.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
