//! A function that keeps a number of bytes of every invocation, to see that the measurement finds
//! them. It is this program itself, so nothing has to be built for it.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Room for what is kept. The system gives memory for it page by page, as it is used, so that
/// exactly what is kept becomes resident.
const ROOM: usize = 1 << 30;

/// Serves invocations until the Runtime API is gone.
pub(crate) fn serve(bytes: usize) -> Result<()> {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").context("AWS_LAMBDA_RUNTIME_API")?;
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    let mut kept: Vec<u8> = Vec::with_capacity(ROOM);
    loop {
        request(&mut stream, "GET", "next", "")?;
        request(&mut stream, "POST", "any/response", r#"{"statusCode":200}"#)?;
        ensure!(kept.len() + bytes <= ROOM, "no room for more");
        kept.resize(kept.len() + bytes, 1);
    }
}

/// Sends a request, and reads the answer to its end.
fn request(stream: &mut BufReader<TcpStream>, method: &str, call: &str, body: &str) -> Result<()> {
    let length = body.len();
    let request = format!(
        "{method} /2018-06-01/runtime/invocation/{call} HTTP/1.1\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.get_mut().write_all(request.as_bytes())?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        ensure!(stream.read_line(&mut line)? > 0, "the Runtime API is gone");
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(())
}
