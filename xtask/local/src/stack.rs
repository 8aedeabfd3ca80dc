//! The stack: starts everything in order, and stops it.

use crate::auth::{Keyring, Principal, Principals, Verifier};
use crate::bus::EventBus;
use crate::console::Console;
use crate::control::{self, Control};
use crate::data::{DataDirectory, DataLocation};
use crate::dynamo;
use crate::endpoint;
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::lambda::{self, Endpoints, Fleet};
use crate::observe::Observed;
use crate::queue::DeadLetters;
use crate::server::{Audience, Bodies, Service, Stop};
use crate::stream::Mapping;
use crate::template::{self, LeftOut, StackInputs};
use crate::xray;
use anyhow::Context;
use http::Request;
use hyper::body::Incoming;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// The name of the stack, in names of functions and buses.
const STACK_NAME: &str = "local";
/// The database's file in the data directory.
const DATABASE: &str = "dynamodb.sqlite";
/// The access key of tools that use the AWS SDK.
const OPERATOR: &str = "operator";
/// The maximum number of free ports that are tried on all addresses.
const PORT_ATTEMPTS: usize = 20;
/// The maximum duration of each part of the shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// The options of a stack.
#[derive(Clone, Debug)]
pub struct Options {
    /// The CloudFormation template, JSON.
    pub template: PathBuf,
    /// The directory of the functions' binaries, each named after its function.
    pub functions: PathBuf,
    /// The port to serve on, on 127.0.0.1 and ::1; 0 takes a free one.
    pub port: u16,
    /// The location of the data.
    pub data: DataLocation,
    /// The callers.
    pub principals: Vec<Principal>,
    /// The AWS Region.
    pub region: String,
    /// The AWS account, twelve digits.
    pub account: String,
    /// Given parameters of the template, by name; the others have their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Additional environment variables of all functions.
    pub variables: BTreeMap<String, String>,
    /// The lag of reads of an index.
    pub index_lag: Duration,
    /// Whether to write no requests and logs to stderr.
    pub quiet: bool,
    /// The maximum number of requests, invocations, log lines and traces in memory, each, if it is
    /// below the default.
    pub history: usize,
}

impl Options {
    /// The defaults for a template and its functions: a free port, ephemeral data, the principal
    /// `test` with the secret `test`, Region us-east-1, account 000000000000.
    #[must_use]
    pub fn new(template: PathBuf, functions: PathBuf) -> Self {
        Self {
            template,
            functions,
            port: 0,
            data: DataLocation::Ephemeral,
            principals: vec![Principal::new("test", "test")],
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            parameters: BTreeMap::new(),
            variables: BTreeMap::new(),
            index_lag: Duration::ZERO,
            quiet: false,
            history: usize::MAX,
        }
    }
}

/// A running stack. Dropping it stops it, without waiting for the end.
#[derive(Debug)]
pub struct Stack {
    address: SocketAddr,
    stage: String,
    region: String,
    left_out: Vec<LeftOut>,
    fleet: Arc<Fleet>,
    data: DataDirectory,
    front: watch::Sender<bool>,
    front_server: JoinHandle<()>,
    mappings: Vec<JoinHandle<()>>,
    back: watch::Sender<bool>,
}

/// Starts a stack; it answers when this returns.
///
/// # Errors
/// When the template cannot be run, a function does not start, or the port or the data directory is
/// in use; the text names the cause and the remedy.
pub async fn start(options: Options) -> anyhow::Result<Stack> {
    let inputs = StackInputs {
        region: options.region.clone(),
        account: options.account.clone(),
        stack_name: STACK_NAME.to_owned(),
        parameters: options.parameters,
    };
    let mut plan = template::load(&options.template, inputs)?;
    for function in &mut plan.functions {
        function.environment.extend(options.variables.clone());
    }
    // First of all, so that a port in use is reported at once.
    let listeners = listen(options.port).await?;
    let address = listeners.first().context("no port is open")?.local_addr()?;
    let data = DataDirectory::open(&options.data)?;
    let console =
        Console::new(options.quiet, plan.functions.iter().map(|function| function.binary.as_str()));
    // The front serves callers. The back serves the front, and stops after it.
    let (front, front_stop) = Stop::new();
    let (back, back_stop) = Stop::new();

    let faults = Arc::new(Faults::default());
    let principals = Principals::new(options.principals).map_err(anyhow::Error::msg)?;
    let observed = Arc::new(Observed::with_history(options.history));
    let keys = Keyring::default();
    let verifier = |service| Verifier::new(service, &plan.region, keys.clone());
    let xray = xray::start(Arc::clone(&observed), back_stop.clone()).await?;
    let database = data.file(DATABASE);
    dynamo::check(&database, data.is_as_it_was(DATABASE))?;
    let dynamo = dynamo::start(
        &database,
        &plan.tables,
        verifier("dynamodb"),
        options.index_lag,
        Arc::clone(&faults),
        &console,
        &back_stop,
    )
    .await?;
    let events = Arc::new(EventBus::open(plan.buses, &data, &observed, &faults)?);
    let (service, shared) = (Arc::clone(&events), Arc::clone(&faults));
    let eventbridge =
        endpoint::start(service, verifier("events"), shared, back_stop.clone()).await?;
    let dead_letters = Arc::new(DeadLetters::open(&data, &plan.queues, &observed)?);
    data.forget_stop()?;
    let (service, shared) = (Arc::clone(&dead_letters), Arc::clone(&faults));
    let sqs = endpoint::start(service, verifier("sqs"), shared, back_stop.clone()).await?;
    let endpoints = Endpoints {
        region: plan.region.clone(),
        dynamodb: dynamo.address,
        eventbridge,
        sqs,
        xray,
        keys: keys.clone(),
    };
    let fleet = lambda::start(
        plan.functions,
        &options.functions,
        endpoints,
        &faults,
        &console,
        &observed,
        &back_stop,
    )
    .await?;

    let gateway = Gateway::new(
        plan.api,
        &plan.account,
        &plan.region,
        principals,
        &fleet,
        &console,
        &observed,
    )?;
    let (mut mappings, mut streams) = (Vec::new(), Vec::new());
    for mapping in plan.mappings {
        if let Some(target) = &mapping.on_failure
            && !plan.queues.values().any(|queue| queue == target)
        {
            anyhow::bail!(
                "{} sends failed records to {target}, which is not a queue of the template",
                mapping.logical_id
            );
        }
        let function = fleet
            .find(&mapping.function_arn)
            .with_context(|| format!("{} invokes no function", mapping.logical_id))?;
        let mapping = Mapping::new(
            mapping,
            &plan.region,
            dynamo.clone(),
            Arc::clone(function),
            &data,
            Arc::clone(&dead_letters),
            &console,
        )?;
        streams.push(mapping.progress());
        mappings.push(tokio::spawn(mapping.run(front_stop.clone())));
    }
    let tables = plan.tables.into_iter().map(|table| (table.logical_id, table.name)).collect();
    let secret = keys
        .issue(OPERATOR)
        .map_err(|error| anyhow::anyhow!("the system provides no randomness: {error}"))?;
    let aws = json!({
        "accessKeyId": OPERATOR,
        "secretAccessKey": secret,
        "region": plan.region,
        "endpoints": {
            "dynamodb": format!("http://{}", dynamo.address),
            "lambda": format!("http://{address}{}lambda", control::PREFIX),
            "sqs": format!("http://{sqs}"),
        },
        "outputs": plan.outputs,
    });
    let control = Control {
        aws,
        lambda: verifier("lambda"),
        dynamo,
        tables,
        fleet: Arc::clone(&fleet),
        events,
        streams,
        dead_letters,
        observed,
        faults,
        bodies: Bodies::default(),
        pages: Semaphore::new(1),
        stop: front_stop.clone(),
    };
    let stage = gateway.stage().to_owned();
    let served = Arc::new((gateway, control));
    let refused = Arc::clone(&served);
    let service =
        Service::new(Audience::Everybody).refusing_heads(Arc::new(move |head, status, peer| {
            refused.0.refuse_head(head, status, peer)
        }));
    let handler = move |request: Request<Incoming>, peer| {
        let served = Arc::clone(&served);
        async move {
            let (gateway, control) = &*served;
            if request.uri().path().starts_with(control::PREFIX) {
                control.handle(request).await.into()
            } else {
                gateway.handle(request, peer).await
            }
        }
    };
    let front_server = tokio::spawn(async move {
        let mut serving = JoinSet::new();
        for listener in listeners {
            let served = service.clone().serve(listener, front_stop.clone(), handler.clone());
            serving.spawn(served);
        }
        while serving.join_next().await.is_some() {}
    });
    Ok(Stack {
        address,
        stage,
        region: options.region,
        left_out: plan.left_out,
        fleet,
        data,
        front,
        front_server,
        mappings,
        back,
    })
}

/// Opens the port on both addresses of `localhost`; without IPv6, on the first alone.
async fn listen(port: u16) -> anyhow::Result<Vec<TcpListener>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let first = bind(Ipv4Addr::LOCALHOST.into(), port).await.map_err(|it| in_use(it, port))?;
        let taken = first.local_addr().context("cannot open the port")?.port();
        match bind(Ipv6Addr::LOCALHOST.into(), taken).await {
            Ok(second) => return Ok(vec![first, second]),
            // A free port is free on the first address only; the next one may be free on both.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                if port != 0 || attempts == PORT_ATTEMPTS {
                    return Err(in_use(error, taken));
                }
            }
            Err(_) => return Ok(vec![first]),
        }
    }
}

async fn bind(address: IpAddr, port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((address, port)).await
}

fn in_use(error: std::io::Error, port: u16) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {port} is in use; stop the program there, choose another with --port, \
             or take a free one with --port 0"
        ),
        _ => anyhow::Error::from(error).context(format!("cannot open port {port}")),
    }
}

impl Stack {
    /// The base URL of the API, its stage included: `http://127.0.0.1:4510/prod`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{}", self.address, self.stage)
    }

    /// The base URL of the control endpoints: `http://127.0.0.1:4510/_local`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}{}", self.address, control::PREFIX.trim_end_matches('/'))
    }

    /// The URL of the console: `http://127.0.0.1:4510/_local/console/`.
    #[must_use]
    pub fn console_url(&self) -> String {
        format!("http://{}{}", self.address, crate::page::PATH)
    }

    /// The AWS Region of signatures.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The resource types of the template that are left out.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Whether the memory of the functions is limited on this system.
    #[must_use]
    pub fn limits_memory(&self) -> bool {
        crate::lambda::LIMITS_MEMORY
    }

    /// Stops: refuses new calls, lets open ones end, and ends the functions.
    pub async fn shutdown(self) {
        self.front.send_replace(true);
        let _ = tokio::time::timeout(SHUTDOWN_LIMIT, async {
            // An error means that the task has ended.
            let _ = self.front_server.await;
            for mapping in self.mappings {
                let _ = mapping.await;
            }
        })
        .await;
        self.back.send_replace(true);
        let _ = tokio::time::timeout(SHUTDOWN_LIMIT, self.fleet.ended()).await;
        let database = self.data.file(DATABASE);
        // Should these fail, the next start checks more.
        let _ = tokio::task::spawn_blocking(move || dynamo::checkpoint(&database)).await;
        let _ = self.data.note_stop();
    }
}
