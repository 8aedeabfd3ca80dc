//! Just enough HTTP/1.1 for a server that one function talks to: blocking, one connection a thread,
//! bodies with a length. It costs so little that a million invocations take mostly the function's
//! own time, also where this program is not optimised.

use anyhow::{Context, Result, bail};
use memchr::memmem;
use std::io::{ErrorKind, Read, Write};

/// A connection that a function opened.
pub(super) struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were read.
    filled: usize,
    /// Of these, bytes that belong to the request before.
    used: usize,
    answer: Vec<u8>,
}

/// A request.
pub(super) struct Request<'a> {
    /// Its first line and headers.
    pub(super) head: &'a [u8],
    pub(super) body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// Its first line.
    pub(super) fn line(&self) -> &'a str {
        let end = memmem::find(self.head, b"\r\n").unwrap_or(self.head.len());
        str::from_utf8(&self.head[..end]).unwrap_or_default()
    }
}

/// The value of a header; `hyper` writes names in lower case.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let begin = memmem::find(head, format!("\r\n{name}: ").as_bytes())? + name.len() + 4;
    let length = memmem::find(&head[begin..], b"\r\n")?;
    str::from_utf8(&head[begin..begin + length]).ok()
}

impl<S: Read + Write> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; 16 * 1024], filled: 0, used: 0, answer: Vec::new() }
    }

    /// The next request; `None` when the function has closed the connection.
    pub(super) fn request(&mut self) -> Result<Option<Request<'_>>> {
        self.buffer.copy_within(self.used..self.filled, 0);
        self.filled -= std::mem::take(&mut self.used);
        let head = loop {
            if let Some(end) = memmem::find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break end + 4;
            }
            if self.read_more()? == 0 {
                if self.filled == 0 {
                    return Ok(None);
                }
                bail!("a request was cut off");
            }
        };
        let length = match header(&self.buffer[..head], "content-length") {
            Some(length) => length.parse().context("a request with an impossible length")?,
            None => 0,
        };
        self.used = head + length;
        while self.filled < self.used {
            if self.read_more()? == 0 {
                bail!("a request was cut off");
            }
        }
        let (head, body) = self.buffer[..self.used].split_at(head);
        Ok(Some(Request { head, body }))
    }

    fn read_more(&mut self) -> Result<usize> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let read = loop {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                // As when this program was stopped for a while.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.context("a function sends nothing")?,
            }
        };
        self.filled += read;
        Ok(read)
    }

    /// Answers with a status, lines of headers that each end in CRLF, and a body.
    pub(super) fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> Result<()> {
        self.answer.clear();
        let length = body.len();
        write!(self.answer, "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n")?;
        self.answer.extend_from_slice(body);
        self.stream.write_all(&self.answer).context("a function takes no answer")?;
        self.stream.flush().context("a function takes no answer")
    }
}

#[cfg(test)]
mod tests {
    use super::Connection;
    use std::io::{self, Read, Write};

    /// Gives these pieces, and keeps what is written.
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
    fn requests_are_read_in_whatever_pieces_they_come() {
        let pieces =
            vec!["GE", "T /a HTTP/1.1\r\n\r", "\nPOST /b HTTP/1.1\r\ncontent-length: 5\r\n"];
        let pieces = [pieces, vec!["x-name: v\r\n\r\nhe", "lloGET /c HTTP/1.1\r\n\r\n"]].concat();
        let mut connection = Connection::new(Pieces(pieces, Vec::new()));
        let mut read = Vec::new();
        while let Some(request) = connection.request().unwrap() {
            let body = String::from_utf8(request.body.to_vec()).unwrap();
            let name = request.header("x-name").map(str::to_owned);
            read.push((request.line().to_owned(), name, body));
        }
        let line = |path: &str, method: &str| format!("{method} {path} HTTP/1.1");
        let expected = [
            (line("/a", "GET"), None, String::new()),
            (line("/b", "POST"), Some("v".to_owned()), "hello".to_owned()),
            (line("/c", "GET"), None, String::new()),
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
    fn an_answer_says_how_long_it_is() {
        let mut connection = Connection::new(Pieces(Vec::new(), Vec::new()));
        connection.answer("202 Accepted", "a: b\r\n", b"{}").unwrap();
        let expected = b"HTTP/1.1 202 Accepted\r\na: b\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(connection.stream.1, expected);
    }
}
