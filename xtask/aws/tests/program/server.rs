//! The server and the environment.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;

/// Answers by the text of a request: the first whose word is in it.
pub(crate) type Answers = Vec<(&'static str, u16, String)>;

/// Serves answers for as long as the test runs; returns the URL and the requests.
pub(crate) fn serve(answers: Answers) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read(&stream);
            let found = answers.iter().find(|(word, ..)| request.contains(word));
            let (status, body) = match found {
                Some((_, status, body)) => (*status, body.as_str()),
                None => (400, "unexpected request"),
            };
            let length = body.len();
            // A program that was stopped does not wait for the answer.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            // The test may be over.
            let _ = requests.send(request);
        }
    });
    (url, received)
}

/// The answer of STS.
pub(crate) fn identity() -> (&'static str, u16, String) {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
                <UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    ("GetCallerIdentity", 200, body.to_owned())
}

fn read(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        request.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8_lossy(&body)
}

/// The program without any variable, file or metadata service of this machine.
pub(crate) struct Program {
    pub(crate) command: Command,
    home: TempDir,
}

impl Program {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let package = home.path().join("xtask").join("aws");
        std::fs::create_dir_all(&package).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_users-aws"));
        command.args(arguments).env_clear().env("HOME", home.path());
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("CARGO_MANIFEST_DIR", &package);
        let program = Self { command, home };
        program.file("stages.toml", "[dev]\n[prod]\nregion = \"eu-west-1\"\n");
        program
    }

    pub(crate) fn with_keys(arguments: &[&str]) -> Self {
        Self::new(arguments)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "not/a+secret")
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file of the project; returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Exit status, standard output and standard error.
    pub(crate) fn run(mut self) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// The printed line, read as JSON.
    #[track_caller]
    pub(crate) fn resolved(self) -> serde_json::Value {
        let (status, printed, said) = self.run();
        assert_eq!((status, printed.lines().count()), (0, 1), "{printed}{said}");
        serde_json::from_str(&printed).unwrap()
    }

    /// The error of a program that fails.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        let (status, printed, said) = self.run();
        assert_eq!((status, printed.as_str()), (1, ""));
        said
    }
}
