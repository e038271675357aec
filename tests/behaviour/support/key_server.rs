//! A key server as a user would run one: it hands out the files of a folder, to pages of any site.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Runs until the end of the tests.
pub struct KeyServer {
    origin: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl KeyServer {
    /// Serves what lies in a folder, which need not be there yet.
    pub fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (folder, told) = (folder.to_owned(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, told) = (folder.clone(), Arc::clone(&told));
                std::thread::spawn(move || answer(&stream, &folder, &told));
            }
        });
        Self { origin, asked }
    }

    /// What players ask for.
    pub fn template(&self) -> String {
        format!("{}/{{id}}/{{n}}.key", self.origin)
    }

    /// Paths that were asked for, each once.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, told: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)) else { return };
    // The rest of the request is of no interest, but has to be taken.
    let _ = lines.take_while(|line| !line.is_empty()).count();
    let file: PathBuf = folder.join(path.trim_start_matches('/'));
    let content = std::fs::read(file);
    told.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    let status = if content.is_ok() { "200 OK" } else { "404 Not Found" };
    let content = content.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n",
        content.len()
    );
    // A player that goes away meanwhile is no concern of a server.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content));
}
