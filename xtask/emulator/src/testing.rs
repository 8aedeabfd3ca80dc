//! A server for tests: answers every request with what a function makes of it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Request {
    /// Such as `/restapis/abc`, with the query.
    pub(crate) path: String,
    head: String,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// The value of a header, whose name is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Serves on a free port for as long as the test runs; gives the address.
pub(crate) async fn serve(
    answer: impl Fn(&Request) -> (u16, String) + Clone + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let (status, body) = answer(&read(&mut stream).await);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            });
        }
    });
    url
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let request = Request { path, head: head.to_owned(), body: body.to_owned() };
            let length = request.header("content-length").unwrap_or("0").parse().unwrap();
            if request.body.len() >= length {
                return request;
            }
        }
        let mut more = [0; 4096];
        let length = stream.read(&mut more).await.unwrap();
        assert!(length > 0, "the request ended early");
        bytes.extend_from_slice(&more[..length]);
    }
}
