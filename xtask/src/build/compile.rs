//! Compiling the functions for Amazon Linux 2023, independent of the build machine's paths.
//!
//! Rust puts paths of source files into programs, for the messages of panics. They are replaced by
//! fixed ones, so that the same source gives the same program in every folder and for every user.

use crate::cargo::{self, ask, rustc};
use crate::tools::triple;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use users_template::Architecture;

/// The version of glibc in Amazon Linux 2023. Without it a program is linked against the symbols of
/// the build machine, and might not start.
const GLIBC: &str = "2.34";

/// The separator of flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// The oldest CPU to support: Graviton2, or an x86 CPU of about 2009. A newer baseline gains little,
/// since `ring` detects CPU features at run time, and emulators could not run the program.
fn cpu(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "neoverse-n1",
        Architecture::X8664 => "x86-64-v2",
    }
}

/// Compiles the functions; returns the directory of their directories, each with a program.
pub(super) fn functions(architecture: Architecture, target: &Path) -> Result<PathBuf> {
    let programs = target.join("lambda").join(architecture.as_str());
    let flags = flags(architecture, target)?;
    let mut command = cargo::cargo();
    command
        .args(["lambda", "build", "--release", "--locked", "--package", "users-functions"])
        // The workspace defines the profile, and `tools` has checked the target.
        .args(["--disable-optimizations", "--skip-target-check"])
        .args(["--target", &format!("{}.{GLIBC}", triple(architecture))])
        .arg("--lambda-dir")
        .arg(&programs)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        // Flags of the caller would change the program.
        .env_remove("RUSTFLAGS");
    cargo::run(&mut command)?;
    Ok(programs)
}

/// The flags of the compiler. In this variable they replace those of configuration files.
fn flags(architecture: Architecture, target: &Path) -> Result<OsString> {
    let mut flags = OsString::from(format!("-Ctarget-cpu={}", cpu(architecture)));
    for (from, to) in replaced_paths(&Places::find(target)?) {
        flags.push(SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// The paths that could end up in a program.
struct Places {
    root: PathBuf,
    target: PathBuf,
    cargo_home: PathBuf,
    /// The folders of registries within it, whose names depend on the registry's address.
    registries: Vec<PathBuf>,
    sysroot: PathBuf,
    /// The commit of the compiler.
    rust: String,
}

impl Places {
    fn find(target: &Path) -> Result<Self> {
        let root = users_support::project::root();
        let cargo_home = cargo_home()?;
        let sources = cargo_home.join("registry").join("src");
        // The folder is absent before the first download; nothing can be compiled then either.
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

/// Paths and their replacements. The last match counts.
fn replaced_paths(places: &Places) -> Vec<(PathBuf, String)> {
    let mut replaced = vec![
        (places.root.clone(), "/users".to_owned()),
        (places.target.clone(), "/users/target".to_owned()),
        (places.cargo_home.clone(), "/cargo".to_owned()),
        // The name of the compiler's own sources when they are not installed.
        (
            places.sysroot.join("lib").join("rustlib").join("src").join("rust"),
            format!("/rustc/{}", places.rust),
        ),
    ];
    let registries = places.registries.iter().cloned();
    replaced.extend(registries.map(|path| (path, "/cargo/registry".to_owned())));
    // A folder comes after the folder that contains it.
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

#[cfg(test)]
mod tests {
    use super::{Places, replaced_paths};
    use std::path::{Path, PathBuf};

    /// The path in the program.
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
