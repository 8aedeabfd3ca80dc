//! HTTP/1.1 for a server whose only client is the function that is measured: blocking, a thread for
//! each connection, bodies with a content length.
//!
//! A server on an async runtime adds the wake-ups of its tasks to every time that is measured. Without
//! optimisations, as in CI, it also takes longer than the function, a million times.

use anyhow::{Context, Result, ensure};
use httparse::Status;
use std::io::{ErrorKind, Read, Write};

/// The most headers that a request may have.
const HEADERS: usize = 64;

/// A connection that a function opened.
pub(crate) struct Connection<S> {
    stream: S,
    /// Received and not yet returned.
    buffer: Vec<u8>,
}

/// A request.
#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The operation of an AWS service, from the header `x-amz-target`.
    pub(crate) operation: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next request; `None` once the function has closed the connection.
    pub(crate) fn request(&mut self) -> Result<Option<Request>> {
        loop {
            if let Some((request, length)) = parse(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(Some(request));
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    ensure!(self.buffer.is_empty(), "a request was cut off");
                    return Ok(None);
                }
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                // This program was stopped and continued.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("a function sends nothing"),
            }
        }
    }

    /// Answers with a status, header lines that each end in CRLF, and a body.
    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> Result<()> {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
        // One write, and so one packet.
        self.stream.write_all(&[head.as_bytes(), body].concat())?;
        self.stream.flush().context("a function takes no answer")
    }
}

/// The first request of some bytes, with its length, once all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let Status::Complete(head) = parsed.parse(bytes).context("a request is not HTTP")? else {
        return Ok(None);
    };
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        found.and_then(|it| str::from_utf8(it.value).ok())
    };
    let length: usize = match header("content-length") {
        Some(length) => length.parse().context("a request has an invalid content length")?,
        None => 0,
    };
    let end = head.saturating_add(length);
    let Some(body) = bytes.get(head..end) else { return Ok(None) };
    let operation = header("x-amz-target").and_then(|it| it.rsplit('.').next());
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        operation: operation.map(str::to_owned),
        body: body.to_vec(),
    };
    Ok(Some((request, end)))
}

#[cfg(test)]
mod tests {
    use super::{Connection, Request};
    use std::io::{self, Read, Write};

    /// Yields these pieces, and keeps what is written.
    struct Pieces(Vec<&'static str>, Vec<u8>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0).as_bytes();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn requests_are_read_however_they_are_split() {
        let pieces = vec![
            "GE",
            "T /a HTTP/1.1\r\n\r",
            "\nPOST /b HTTP/1.1\r\nContent-Length: 5\r\n",
            "x-amz-target: DynamoDB_20120810.GetItem\r\n\r\nhe",
            "lloGET /c HTTP/1.1\r\n\r\n",
        ];
        let mut connection = Connection::new(Pieces(pieces, Vec::new()));
        let mut read = Vec::new();
        while let Some(request) = connection.request().unwrap() {
            read.push(request);
        }
        let request = |method: &str, path: &str, operation: Option<&str>, body: &str| Request {
            method: method.to_owned(),
            path: path.to_owned(),
            operation: operation.map(str::to_owned),
            body: body.as_bytes().to_vec(),
        };
        let expected = [
            request("GET", "/a", None, ""),
            request("POST", "/b", Some("GetItem"), "hello"),
            request("GET", "/c", None, ""),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_request_that_is_cut_off_is_an_error() {
        for piece in ["GET /a", "POST /b HTTP/1.1\r\ncontent-length: 5\r\n\r\nhell"] {
            let mut connection = Connection::new(Pieces(vec![piece], Vec::new()));
            assert!(connection.request().is_err(), "{piece}");
        }
    }

    #[test]
    fn an_answer_has_its_length() {
        let mut connection = Connection::new(Pieces(Vec::new(), Vec::new()));
        connection.answer("202 Accepted", "a: b\r\n", b"{}").unwrap();
        let expected = b"HTTP/1.1 202 Accepted\r\na: b\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(connection.stream.1, expected);
    }
}
