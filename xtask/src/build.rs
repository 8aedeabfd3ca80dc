//! `cargo xtask build`: the archives of the functions, the same bytes for the same source.
//!
//! cargo-lambda compiles for Amazon Linux, without the paths of this machine ([`compile`]). The
//! archives are packed here with fixed metadata ([`archive`]) and named after their content.

mod archive;
mod compile;

use crate::{project, tools};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use users_template::Architecture;
use users_template::bundles::{self, Bundle, Manifest};
use xtask_cli::Output;

/// Largest size of an archive, in bytes.
///
/// A function loads its archive at every cold start. The measured sizes leave room for a feature, not
/// for another TLS library.
const BUDGET_BYTES: u64 = 3 * 1024 * 1024;

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The archives are in <target>/bundles/<architecture>/, with a manifest.json that lists them.

Exit status: 0 built, 1 not built or over the budget, 2 for a command line that cannot be \
understood.")]
pub(crate) struct Arguments {
    /// Build for the architecture of this stage of stages.toml. Default: of every stage.
    #[arg(long)]
    stage: Option<String>,
    /// Build for this architecture, whatever stages.toml says.
    #[arg(long, value_enum, conflicts_with = "stage")]
    arch: Option<Architecture>,
    /// `json` prints the manifests as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let manifests = architectures(arguments)?.into_iter().map(build).collect::<Result<Vec<_>>>()?;
    match arguments.output {
        Output::Text => manifests.iter().for_each(|it| print!("{}", table(it))),
        Output::Json => println!("{}", serde_json::to_string(&manifests)?),
    }
    let heavy: Vec<_> = manifests.iter().flat_map(over_budget).collect();
    if !heavy.is_empty() {
        bail!(
            "over the budget of {}: {}; find the crate that was linked in, or raise BUDGET_BYTES in \
             xtask/src/build.rs",
            mebibytes(BUDGET_BYTES),
            heavy.join(", ")
        );
    }
    Ok(())
}

fn architectures(arguments: &Arguments) -> Result<BTreeSet<Architecture>> {
    Ok(match (arguments.arch, &arguments.stage) {
        (Some(architecture), _) => [architecture].into(),
        (None, Some(stage)) => [users_template::files::stage(None, stage)?.architecture].into(),
        (None, None) => {
            users_template::files::stages(None)?.values().map(|stage| stage.architecture).collect()
        }
    })
}

/// The architecture of this machine.
pub(crate) fn this_machine() -> Result<Architecture> {
    architecture_of(std::env::consts::ARCH)
}

fn architecture_of(machine: &str) -> Result<Architecture> {
    match machine {
        "aarch64" => Ok(Architecture::Arm64),
        "x86_64" => Ok(Architecture::X8664),
        other => bail!("functions run on x86_64 and arm64, and this machine is {other}"),
    }
}

/// Compiles and packs all functions for an architecture.
pub(crate) fn build(architecture: Architecture) -> Result<Manifest> {
    tools::check(architecture)?;
    let programs = compile::functions(architecture, &project::target()?)?;
    pack(architecture, functions_in(&programs), &directory(architecture)?)
}

/// The directory of the archives for an architecture.
pub(crate) fn directory(architecture: Architecture) -> Result<PathBuf> {
    Ok(project::target()?.join("bundles").join(architecture.as_str()))
}

/// Every function with its program, `<programs>/<function>/bootstrap`.
fn functions_in(programs: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let program = |function| (function, programs.join(function).join(archive::PROGRAM));
    users_template::functions().map(program)
}

/// Packs programs, writes the manifest, and removes archives of earlier builds.
pub(crate) fn pack<'a>(
    architecture: Architecture,
    programs: impl Iterator<Item = (&'a str, PathBuf)>,
    directory: &Path,
) -> Result<Manifest> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let mut packed = BTreeMap::new();
    for (function, program) in programs {
        let program =
            fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
        let archive = archive::of(&program)?;
        let digest = archive::Digest::of(&archive);
        let file = format!("{function}-{}.zip", &digest.hex()[..16]);
        write(&directory.join(&file), &archive)?;
        let bundle = Bundle {
            file,
            sha256: digest.base64(),
            sha256_hex: digest.hex(),
            bytes: archive.len() as u64,
            program_bytes: program.len() as u64,
        };
        packed.insert(function.to_owned(), bundle);
    }
    let manifest = Manifest { architecture, budget_bytes: BUDGET_BYTES, functions: packed };
    write(&bundles::path(directory), manifest.to_text()?.as_bytes())?;
    remove_others(directory, &manifest)?;
    Ok(manifest)
}

/// Replaces a file as a whole, so that nobody reads half of it.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut partial = PathBuf::from(path);
    partial.as_mut_os_string().push(".partial");
    fs::write(&partial, content)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn remove_others(directory: &Path, manifest: &Manifest) -> Result<()> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", directory.display()))?.path();
        let is_ours = manifest.functions.values().any(|it| path.ends_with(&it.file));
        if path.extension().is_some_and(|extension| extension == "zip") && !is_ours {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn over_budget(manifest: &Manifest) -> Vec<String> {
    let heavy = manifest.functions.iter().filter(|(_, it)| it.bytes > manifest.budget_bytes);
    heavy.map(|(name, it)| format!("{name} ({})", mebibytes(it.bytes))).collect()
}

/// The sizes as a table.
fn table(manifest: &Manifest) -> String {
    let mut text = format!(
        "{:24} {:>10} {:>10} {:>7}  file\n",
        manifest.architecture.as_str(),
        "program",
        "archive",
        "budget"
    );
    for (function, bundle) in &manifest.functions {
        let percent = bundle.bytes * 100 / manifest.budget_bytes;
        text += &format!(
            "{function:24} {:>10} {:>10} {percent:>6}%  {}\n",
            mebibytes(bundle.program_bytes),
            mebibytes(bundle.bytes),
            bundle.file
        );
    }
    text
}

fn mebibytes(bytes: u64) -> String {
    let hundredths = bytes * 100 / (1024 * 1024);
    format!("{}.{:02} MiB", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests;
