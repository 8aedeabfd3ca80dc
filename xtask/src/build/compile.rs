//! Compiling the functions for Amazon Linux 2023, without a trace of where that was done.
//!
//! Rust puts paths of source files into programs, for the messages of panics. They are replaced by
//! fixed ones, so that the same source gives the same program in every folder, for every user, and
//! no program tells of the machine it was built on.

use super::Arch;
use crate::cargo;
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version of glibc that Amazon Linux 2023 has. Without it a program would be linked against
/// the symbols of the build machine, and might not start.
const GLIBC: &str = "2.34";

/// What separates the flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

impl Arch {
    /// As Rust calls it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X8664 => "x86_64-unknown-linux-gnu",
        }
    }

    /// The least that Lambda runs on: Graviton2, or a CPU of about 2009. What is gained by more
    /// (`ring` looks for it at run time) is not worth a program that emulators cannot run.
    fn cpu(self) -> &'static str {
        match self {
            Self::Arm64 => "neoverse-n1",
            Self::X8664 => "x86-64-v2",
        }
    }
}

/// Compiles the functions and hands back the directory in which each has one of its own, with its
/// program.
pub(super) fn functions(arch: Arch, target: &Path) -> Result<PathBuf> {
    let programs = target.join("lambda").join(arch.as_str());
    let flags = flags(arch, target)?;
    let mut command = cargo::cargo();
    command
        .args(["lambda", "build", "--release", "--locked", "--package", "users-functions"])
        // The profile of this workspace decides, and `tools` has looked for the target.
        .args(["--disable-optimizations", "--skip-target-check"])
        .args(["--target", &format!("{}.{GLIBC}", arch.triple())])
        .arg("--lambda-dir")
        .arg(&programs)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        // Flags of the caller's own would make another program.
        .env_remove("RUSTFLAGS");
    cargo::run(&mut command)?;
    Ok(programs)
}

/// The flags of the compiler. Cargo takes them from this one place, so those of configuration files
/// do not count either.
fn flags(arch: Arch, target: &Path) -> Result<OsString> {
    let mut flags = OsString::from(format!("-Ctarget-cpu={}", arch.cpu()));
    for (from, to) in replaced_paths(&Places::find(target)?) {
        flags.push(SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// Where things lie that a program could tell of.
struct Places {
    root: PathBuf,
    target: PathBuf,
    cargo_home: PathBuf,
    /// The folders of registries within it, whose names depend on how the registry is reached.
    registries: Vec<PathBuf>,
    sysroot: PathBuf,
    /// The commit that the compiler is of.
    rust: String,
}

impl Places {
    fn find(target: &Path) -> Result<Self> {
        let root = users_support::project::root();
        let cargo_home = cargo_home()?;
        let sources = cargo_home.join("registry").join("src");
        // There is none before anything was downloaded, and then nothing to compile either.
        let registries = std::fs::read_dir(&sources)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        let version = ask(rustc().arg("-vV"))?;
        let rust = version
            .lines()
            .find_map(|line| line.strip_prefix("commit-hash: "))
            .context("`rustc -vV` names no commit-hash")?;
        Ok(Self {
            root,
            target: target.to_owned(),
            cargo_home,
            registries,
            sysroot: PathBuf::from(ask(rustc().args(["--print", "sysroot"]))?.trim()),
            rust: rust.to_owned(),
        })
    }
}

/// Paths and what stands for them. The last one that fits counts.
fn replaced_paths(places: &Places) -> Vec<(PathBuf, String)> {
    let mut replaced = vec![
        (places.root.clone(), "/users".to_owned()),
        (places.target.clone(), "/users/target".to_owned()),
        (places.cargo_home.clone(), "/cargo".to_owned()),
        // The compiler's own sources have this name when they are not installed.
        (
            places.sysroot.join("lib").join("rustlib").join("src").join("rust"),
            format!("/rustc/{}", places.rust),
        ),
    ];
    let registries = places.registries.iter().cloned();
    replaced.extend(registries.map(|path| (path, "/cargo/registry".to_owned())));
    // A folder within another comes after it, whichever way round they lie.
    replaced.sort_by_key(|(path, _)| path.components().count());
    replaced
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return Ok(PathBuf::from(home));
    }
    let home = std::env::home_dir().context("cannot find the home directory; set CARGO_HOME")?;
    Ok(home.join(".cargo"))
}

/// The compiler of this project.
pub(crate) fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(users_support::project::root());
    command
}

/// What a program prints.
pub(crate) fn ask(command: &mut Command) -> Result<String> {
    let name = OsStr::to_string_lossy(command.get_program()).into_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::{Places, replaced_paths};
    use std::path::{Path, PathBuf};

    /// What the compiler makes of a path.
    fn remapped(places: &Places, path: &str) -> String {
        let replaced = replaced_paths(places);
        let found = replaced.iter().rev().find_map(|(from, to)| {
            let rest = Path::new(path).strip_prefix(from).ok()?;
            Some(format!("{to}/{}", rest.display()))
        });
        found.unwrap_or_else(|| path.to_owned())
    }

    fn places(home: &str, root: &str, registry: &str) -> Places {
        Places {
            root: PathBuf::from(root),
            target: Path::new(root).join("target"),
            cargo_home: Path::new(home).join(".cargo"),
            registries: vec![Path::new(home).join(".cargo/registry/src").join(registry)],
            sysroot: Path::new(home).join(".rustup/toolchains/x"),
            rust: "abc".to_owned(),
        }
    }

    #[test]
    fn the_same_file_has_the_same_name_on_every_machine() {
        let here = places("/home/ada", "/home/ada/work/users", "index.crates.io-1");
        let there = places("/root", "/root/.cargo/ci/users", "mirror.example-2");
        let cases = [
            (
                "/home/ada/work/users/platform/src/lib.rs",
                "/root/.cargo/ci/users/platform/src/lib.rs",
                "/users/platform/src/lib.rs",
            ),
            (
                "/home/ada/work/users/target/release/build/x/out/y.rs",
                "/root/.cargo/ci/users/target/release/build/x/out/y.rs",
                "/users/target/release/build/x/out/y.rs",
            ),
            (
                "/home/ada/.cargo/registry/src/index.crates.io-1/ring-1/src/lib.rs",
                "/root/.cargo/registry/src/mirror.example-2/ring-1/src/lib.rs",
                "/cargo/registry/ring-1/src/lib.rs",
            ),
            (
                "/home/ada/.rustup/toolchains/x/lib/rustlib/src/rust/library/std/src/io.rs",
                "/root/.rustup/toolchains/x/lib/rustlib/src/rust/library/std/src/io.rs",
                "/rustc/abc/library/std/src/io.rs",
            ),
        ];
        for (one, other, expected) in cases {
            assert_eq!(remapped(&here, one), expected);
            assert_eq!(remapped(&there, other), expected);
        }
    }
}
