//! Starting and watching the process of an instance.

use super::error::{InvokeError, OUT_OF_MEMORY};
use super::instance::Instance;
use crate::auth::Keyring;
use crate::console::Console;
use crate::descriptors::are_exhausted;
use crate::names::secret;
use crate::observe::{LogRecord, Observed};
use crate::server::Stop;
use crate::template::FunctionPlan;
use anyhow::bail;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// The maximum wait for the last lines of an ended process.
const LAST_LINES: Duration = Duration::from_millis(300);
const MIB: u64 = 1024 * 1024;

/// The addresses of the services that functions call.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) region: String,
    pub(crate) dynamodb: SocketAddr,
    pub(crate) eventbridge: SocketAddr,
    pub(crate) sqs: SocketAddr,
    pub(crate) xray: SocketAddr,
    /// The keys of the callers.
    pub(crate) keys: Keyring,
}

/// Starts instances of a function.
#[derive(Debug)]
pub(super) struct Launch {
    binary: String,
    log_group: String,
    observed: Arc<Observed>,
    path: PathBuf,
    environment: BTreeMap<String, String>,
    runtime_api: SocketAddr,
    keys: Keyring,
    memory_bytes: u64,
}

impl Launch {
    pub(super) fn new(
        plan: &FunctionPlan,
        directory: &Path,
        endpoints: &Endpoints,
        runtime_api: SocketAddr,
        observed: &Arc<Observed>,
    ) -> anyhow::Result<Self> {
        let path = directory.join(&plan.binary);
        if !path.is_file() {
            bail!(
                "the function {} has no binary: {} does not exist; build the functions first, \
                 or point --functions at the folder that has them",
                plan.binary,
                path.display()
            );
        }
        Ok(Self {
            binary: plan.binary.clone(),
            log_group: plan.log_group.clone(),
            observed: Arc::clone(observed),
            path: std::path::absolute(path)?,
            environment: environment(plan, endpoints),
            runtime_api,
            keys: endpoints.keys.clone(),
            memory_bytes: plan.memory_mb * MIB,
        })
    }

    /// Starts a process.
    pub(super) fn spawn(
        &self,
        id: u64,
        console: &Console,
    ) -> Result<(Arc<Instance>, Running), InvokeError> {
        let log_stream = log_stream(id);
        let access_key = format!("{}.{id}", self.binary);
        let unsafe_to_start =
            |error| InvokeError::Init(format!("the system gives no randomness: {error}"));
        let secret_key = self.keys.issue(&access_key).map_err(unsafe_to_start)?;
        let secret = secret().map_err(unsafe_to_start)?;
        // AWS gives host and port alone. HTTP libraries accept a path only after a scheme.
        let runtime_api = format!("http://{}/{}/{id}/{secret}", self.runtime_api, self.binary);
        let mut command = Command::new(&self.path);
        command
            .env_clear()
            .envs(&self.environment)
            .env("AWS_ACCESS_KEY_ID", &access_key)
            .env("AWS_SECRET_ACCESS_KEY", secret_key)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &log_stream)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C in the terminal goes to this program, which then ends its children.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| {
            self.keys.revoke(&access_key);
            match are_exhausted(&error) {
                true => InvokeError::NoDescriptors,
                false => {
                    InvokeError::Init(format!("{} cannot be run: {error}", self.path.display()))
                }
            }
        })?;
        let instance = Arc::new(Instance::new(child.id(), access_key, secret));
        let readers = [
            child.stdout.take().map(|pipe| self.read(pipe, &instance, &log_stream, console)),
            child.stderr.take().map(|pipe| self.read(pipe, &instance, &log_stream, console)),
        ];
        let readers = readers.into_iter().flatten().collect();
        Ok((instance, Running { child, readers, keys: self.keys.clone() }))
    }

    /// The limit of an instance's resident memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Ends an instance that exceeded its memory, and logs it.
    pub(super) fn end_for_memory(
        &self,
        id: u64,
        instance: &Instance,
        used: u64,
        console: &Console,
    ) {
        let (limit, used) = (self.memory_bytes / MIB, used.div_ceil(MIB));
        if !instance.end_for_memory(limit, used) {
            return;
        }
        console.line(
            &self.binary,
            &format!(
                "ERROR memory limit exceeded: {used} MB used of {limit} MB; the instance is killed"
            ),
        );
        let invocation = instance.latest_invocation();
        let request_id = invocation.as_ref().map_or("-", |(request_id, _)| request_id);
        // The fields and the error type of Lambda's own line.
        let report = format!(
            "REPORT RequestId: {request_id}\tMemory Size: {limit} MB\tMax Memory Used: {used} MB\t\
             Status: error\tError Type: {OUT_OF_MEMORY}"
        );
        let mut record = LogRecord::of_function(
            Timestamp::now(),
            &self.binary,
            &self.log_group,
            &log_stream(id),
            invocation,
            &report,
        );
        record.level = Some("ERROR".to_owned());
        self.observed.logs.push(record);
    }

    fn read(
        &self,
        pipe: impl AsyncRead + Send + Unpin + 'static,
        instance: &Arc<Instance>,
        log_stream: &str,
        console: &Console,
    ) -> JoinHandle<()> {
        let (instance, console) = (Arc::clone(instance), console.clone());
        let (name, group) = (self.binary.clone(), self.log_group.clone());
        let (stream, observed) = (log_stream.to_owned(), Arc::clone(&self.observed));
        tokio::spawn(async move {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                instance.note(text);
                console.function_line(&name, text);
                observed.logs.push(LogRecord::of_function(
                    Timestamp::now(),
                    &name,
                    &group,
                    &stream,
                    instance.latest_invocation(),
                    text,
                ));
                line.clear();
            }
        })
    }
}

/// A running process.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    keys: Keyring,
}

impl Running {
    /// Waits for the end of the process, or ends it on request.
    pub(super) async fn watch(mut self, instance: &Instance, mut stop: Stop) {
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = instance.killed() => self.kill().await,
            () = stop.wait() => self.kill().await,
        };
        self.keys.revoke(instance.access_key());
        for reader in self.readers {
            // A grandchild may hold the pipe open.
            let _ = tokio::time::timeout(LAST_LINES, reader).await;
        }
        instance.end(&match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        });
    }

    async fn kill(&mut self) -> std::io::Result<ExitStatus> {
        // An error means that it has already ended.
        let _ = self.child.start_kill();
        self.child.wait().await
    }
}

/// The log stream of an instance.
fn log_stream(id: u64) -> String {
    format!("local/[$LATEST]{id}")
}

/// The environment of a function, without the variables that differ by instance.
fn environment(plan: &FunctionPlan, endpoints: &Endpoints) -> BTreeMap<String, String> {
    let mut environment = plan.environment.clone();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("AWS_REGION", endpoints.region.clone());
    set("AWS_DEFAULT_REGION", endpoints.region.clone());
    // No endpoint checks the token; each instance has its own key and secret.
    set("AWS_SESSION_TOKEN", "local".to_owned());
    set("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", endpoints.dynamodb));
    set("AWS_ENDPOINT_URL_EVENTBRIDGE", format!("http://{}", endpoints.eventbridge));
    set("AWS_ENDPOINT_URL_SQS", format!("http://{}", endpoints.sqs));
    set("AWS_LAMBDA_FUNCTION_NAME", plan.name.clone());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", plan.memory_mb.to_string());
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned());
    set("AWS_LAMBDA_LOG_GROUP_NAME", plan.log_group.clone());
    set("AWS_XRAY_DAEMON_ADDRESS", endpoints.xray.to_string());
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".to_owned());
    set("_HANDLER", plan.handler.clone());
    set("LANG", "en_US.UTF-8".to_owned());
    set("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned());
    set("TZ", ":UTC".to_owned());
    environment
}

#[cfg(test)]
mod tests {
    use super::{Endpoints, environment};
    use crate::auth::Keyring;
    use crate::template::FunctionPlan;
    use std::net::SocketAddr;

    #[test]
    fn a_function_gets_its_own_variables_and_those_of_lambda() {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let plan = FunctionPlan {
            name: "local-get".to_owned(),
            arn: "arn:aws:lambda:us-east-1:000000000000:function:local-get".to_owned(),
            binary: "get".to_owned(),
            handler: "bootstrap".to_owned(),
            memory_mb: 256,
            timeout_seconds: 30,
            reserved_concurrency: None,
            environment: [("USERS_TABLE".to_owned(), "UsersTable".to_owned())].into(),
            log_group: "/aws/lambda/local-get".to_owned(),
        };
        let endpoints = Endpoints {
            region: "eu-west-1".to_owned(),
            dynamodb: address,
            eventbridge: address,
            sqs: address,
            xray: address,
            keys: Keyring::default(),
        };
        let environment = environment(&plan, &endpoints);
        assert_eq!(environment["USERS_TABLE"], "UsersTable");
        assert_eq!(environment["AWS_REGION"], "eu-west-1");
        assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
        assert_eq!(environment["AWS_ENDPOINT_URL_DYNAMODB"], "http://127.0.0.1:1");
        // Nothing of the environment of this program.
        assert!(!environment.contains_key("HOME"));
    }
}
