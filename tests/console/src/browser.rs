//! A headless Chromium, driven by WebDriver.

use anyhow::{Context, Result, bail};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A host name that the browser resolves to this machine, as its owner could.
pub(crate) const FOREIGN_HOST: &str = "evil.example";

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// The start of the line in which chromedriver prints its port.
const STARTED: &str = "ChromeDriver was started successfully on port ";

/// A browser with one window.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    // Ended when dropped, and the browser with it.
    _driver: Child,
    _profile: tempfile::TempDir,
}

/// A command that only some drivers have.
#[derive(Debug)]
struct Extension {
    path: String,
    body: Option<Value>,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        match &self.body {
            Some(body) => (Method::POST, Some(body.to_string())),
            None => (Method::GET, None),
        }
    }
}

impl Browser {
    /// Starts a browser with a fresh profile.
    pub(crate) async fn start(chromedriver: &Path) -> Result<Self> {
        let mut driver = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {}; install chromium and chromedriver (on Debian, the packages \
                     chromium and chromium-driver), or say where it is with --chromedriver",
                    chromedriver.display()
                )
            })?;
        let output = driver.stdout.take().context("chromedriver has no output")?;
        let mut lines = BufReader::new(output).lines();
        let port = loop {
            match lines.next_line().await.context("cannot read from chromedriver")? {
                None => bail!("chromedriver ended before it said where it listens"),
                Some(line) => {
                    if let Some(rest) = line.strip_prefix(STARTED) {
                        break rest.trim_end_matches('.').to_owned();
                    }
                }
            }
        };
        // Keep reading, so that the driver never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = tempfile::tempdir().context("cannot make a temporary directory")?;
        let options = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            // No name leads anywhere but to this machine.
            format!(
                "--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
            ),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({"args": options}));
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("chromedriver cannot start Chromium")?;
        Ok(Self { client, _driver: driver, _profile: profile })
    }

    /// Gives the page another size, in pixels.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await
    }

    /// Sets the preference for light or dark colours.
    pub(crate) async fn prefer(&self, dark: bool) -> Result<()> {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await
    }

    /// Goes to an address.
    pub(crate) async fn open(&self, url: &str) -> Result<()> {
        self.client.goto(url).await.with_context(|| format!("cannot open {url}"))
    }

    /// Runs a piece of JavaScript that returns something.
    pub(crate) async fn evaluate(&self, script: &str) -> Result<Value> {
        self.client.execute(script, Vec::new()).await.with_context(|| format!("in `{script}`"))
    }

    /// Runs JavaScript that calls its last argument with the result.
    pub(crate) async fn evaluate_async(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute_async(script, Vec::new()).await?)
    }

    /// Runs asynchronous JavaScript with arguments, and waits at most this long.
    pub(crate) async fn call_async(
        &self,
        script: &str,
        arguments: Vec<Value>,
        patience: Duration,
    ) -> Result<Value> {
        let timeouts = TimeoutConfiguration::new(Some(patience), None, None);
        self.client.update_timeouts(timeouts).await?;
        Ok(self.client.execute_async(script, arguments).await?)
    }

    /// Waits until an expression in JavaScript is true.
    pub(crate) async fn until(&self, what: &str, expression: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            if self.evaluate(&format!("return Boolean({expression})")).await? == true {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{what}: `{expression}` is not so within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the text of the first element that fits a CSS selector holds something.
    pub(crate) async fn until_text(&self, selector: &str, text: &str) -> Result<()> {
        let expression = format!(
            "document.querySelector({})?.textContent.includes({})",
            json!(selector),
            json!(text)
        );
        self.until(&format!("`{text}` in {selector}"), &expression).await
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: Key) -> Result<()> {
        let key = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        Ok(self.client.perform_actions(keys).await?)
    }

    /// Types a text where the focus is.
    pub(crate) async fn write(&self, text: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(text).await?)
    }

    /// Presses Tab until the element that has the focus fits an expression, in which it is `it`.
    pub(crate) async fn tab_to(&self, what: &str, expression: &str) -> Result<()> {
        /// More than any view has controls.
        const MOST: usize = 150;
        let fits = format!("const it = document.activeElement; return Boolean({expression})");
        for _ in 0..MOST {
            self.press(Key::Tab).await?;
            if self.evaluate(&fits).await? == true {
                return Ok(());
            }
        }
        bail!("{what} cannot be reached with the Tab key")
    }

    /// All elements that fit a CSS selector.
    pub(crate) async fn all(&self, selector: &str) -> Result<Vec<Element>> {
        Ok(self.client.find_all(Locator::Css(selector)).await?)
    }

    /// The name of an element as assistive technology gets it.
    pub(crate) async fn name_of(&self, element: &Element) -> Result<String> {
        let path = format!("element/{}/computedlabel", element.element_id().as_ref());
        let label = self.client.issue_cmd(Extension { path, body: None }).await?;
        Ok(label.as_str().unwrap_or_default().to_owned())
    }

    /// The new lines of the browser's console, errors of loading and of the
    /// content policy included.
    pub(crate) async fn messages(&self) -> Result<Vec<String>> {
        let command =
            Extension { path: "se/log".to_owned(), body: Some(json!({"type": "browser"})) };
        let entries = self.client.issue_cmd(command).await?;
        let entries = entries.as_array().into_iter().flatten();
        Ok(entries.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect())
    }

    /// A picture of the window, PNG.
    pub(crate) async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.client.screenshot().await?)
    }

    /// A command of the DevTools.
    async fn devtools(&self, command: &str, parameters: Value) -> Result<()> {
        let body = json!({"cmd": command, "params": parameters});
        let command = Extension { path: "goog/cdp/execute".to_owned(), body: Some(body) };
        self.client.issue_cmd(command).await?;
        Ok(())
    }

    /// Prints the page and its messages, after a failure.
    pub(crate) async fn explain(&self) {
        let text = self.evaluate("return `${location.href}\\n${document.body.innerText}`").await;
        if let Ok(Value::String(text)) = text {
            eprintln!("The page said:\n{text}\n");
        }
        for message in self.messages().await.unwrap_or_default() {
            eprintln!("The browser said: {message}");
        }
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        // Should this fail, it is killed.
        let _ = self.client.close().await;
    }
}
