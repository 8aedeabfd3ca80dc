//! One connection with its bounds: it stops reading while the peer does not read the answer, ends
//! when that lasts, and lets a peer that is still sending see the answer before it closes.
//!
//! hyper answers a head that it refuses with a bare 400 or 431. These answers are replaced by those
//! of the listener's service.

use super::answer::{Answer, RefuseHead};
use bytes::Bytes;
use http::StatusCode;
use hyper::body::Body;
use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// The maximum time for the peer to read an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The time that a peer may keep sending, so that it sees the answer.
const LINGER: Duration = Duration::from_secs(2);
/// The number of bytes of a head that are kept, to name the path of a refused one.
const REMEMBERED_BYTES: usize = 2048;

/// Signals between the service of a connection and its stream.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// The end is to be a reset.
    pub(super) resets: AtomicBool,
    /// A request was answered, so another head comes.
    answered: AtomicBool,
    /// There may be unread bytes of a body.
    unread: AtomicBool,
    /// An answer waits for the peer to read it.
    blocked: AtomicBool,
    taken: Notify,
}

impl Signals {
    /// Begins a request, once the previous answers are sent: a peer that keeps sending requests and
    /// reads no answer causes no more work.
    pub(super) async fn begin(&self, has_body: bool) {
        self.unread.store(has_body, Ordering::Relaxed);
        loop {
            let mut taken = pin!(self.taken.notified());
            taken.as_mut().enable();
            if !self.blocked.load(Ordering::Acquire) {
                return;
            }
            taken.await;
        }
    }

    /// The listener stops: the connection does not linger.
    pub(super) fn stop(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// A request is answered.
    pub(super) fn end(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }
}

/// A connection of a listener.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) signals: Arc<Signals>,
    /// Answers heads that hyper refuses.
    pub(super) refuse_head: Option<RefuseHead>,
    /// The beginning of the latest head.
    head: Vec<u8>,
    /// The replacement of hyper's answer, and the number of bytes sent.
    instead: (Vec<u8>, usize),
    /// The deadline of an unread answer.
    too_late: Option<Pin<Box<Sleep>>>,
    lingers: Option<Pin<Box<Sleep>>>,
    /// Wakes the reader once the answer is read.
    reader: Option<Waker>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        signals: Arc<Signals>,
        refuse_head: Option<RefuseHead>,
    ) -> Self {
        Self {
            stream,
            peer,
            signals,
            refuse_head,
            head: Vec::new(),
            instead: (Vec::new(), 0),
            too_late: None,
            lingers: None,
            reader: None,
        }
    }

    fn is_blocked(&self) -> bool {
        self.signals.blocked.load(Ordering::Relaxed)
    }

    /// Waits for the peer to read an answer, up to a limit.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        self.signals.blocked.store(true, Ordering::Release);
        let too_late = self.too_late.get_or_insert_with(|| Box::pin(sleep(ANSWER_LIMIT)));
        ready!(too_late.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// The peer has read all answers.
    fn go_on(&mut self) {
        if self.signals.blocked.swap(false, Ordering::Release) {
            self.signals.taken.notify_waiters();
            self.too_late = None;
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Sends the replacement of hyper's answer.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.instead.1 < self.instead.0.len() {
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write(context, &self.instead.0[self.instead.1..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.instead.1 += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.wait(context).map(Err),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether these bytes are an answer of hyper's own. If so, prepares its replacement.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        let Some(refuse_head) = &self.refuse_head else { return false };
        let Some(status) = own_answer(bytes) else { return false };
        self.instead = (encoded(refuse_head(&self.head, status, self.peer)), 0);
        self.signals.unread.store(true, Ordering::Relaxed);
        true
    }

    fn after_write(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait(context).map(Err),
            Poll::Ready(written) => Poll::Ready(written),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.signals.resets.load(Ordering::Relaxed) {
            // Closing then discards unsent data and resets. Should this fail, it only closes.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_blocked() {
            self.reader = Some(context.waker().clone());
            return self.wait(context).map(Err);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.signals.answered.swap(false, Ordering::Relaxed) {
            self.head.clear();
        }
        if self.refuse_head.is_some() {
            let room = REMEMBERED_BYTES.saturating_sub(self.head.len());
            let read = &buffer.filled()[before..];
            self.head.extend_from_slice(&read[..read.len().min(room)]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if self.replaces(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_write(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.go_on();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Before a reset there must be no orderly end.
        if self.signals.resets.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_instead(context))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if !self.signals.unread.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        // Closing now would reset the connection before the peer has read the answer.
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        let lingers = self.lingers.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        lingers.as_mut().poll(context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if let [one] = bytes
            && self.replaces(one)
        {
            return Poll::Ready(Ok(one.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.after_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The status of an answer of hyper's own, to a refused head. It has no body, unlike ours.
fn own_answer(bytes: &[u8]) -> Option<StatusCode> {
    let status = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
    let status =
        StatusCode::from_bytes(status.get(..3)?).ok().filter(StatusCode::is_client_error)?;
    let head = bytes.strip_suffix(b"\r\n\r\n")?;
    let without_body = b"\r\ncontent-length: 0\r\n";
    head.windows(without_body.len()).any(|part| part == without_body).then_some(status)
}

/// The bytes of an answer, the last one of its connection.
fn encoded(answer: Answer) -> Vec<u8> {
    let (parts, mut body) = answer.into_parts();
    let mut context = Context::from_waker(Waker::noop());
    let body = match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    let mut head = format!("HTTP/1.1 {}\r\n", parts.status);
    let _ = write!(head, "content-length: {}\r\nconnection: close\r\n", body.len());
    let mut bytes = head.into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{encoded, own_answer};
    use crate::server::json as answer;
    use http::StatusCode;
    use serde_json::json;

    #[test]
    fn an_answer_of_hypers_own_is_known_by_its_missing_body() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
            content-length: 0\r\ndate: Sun, 22 Nov 2026 10:00:00 GMT\r\n\r\n";
        assert_eq!(own_answer(own), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: x\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\nx: 1\r\n\r\n\r\ncontent-length: 0\r\n",
            b"HTTP/1.1",
            b"",
        ] {
            assert_eq!(own_answer(other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn an_answer_is_written_with_its_length() {
        let bytes = encoded(answer(StatusCode::BAD_REQUEST, &json!({"a": 1})));
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\nconnection: close\r\n\
             content-type: application/json\r\n\r\n{\"a\":1}"
        );
    }
}
