//! The archives that are measured: their sizes, and the programs in them.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use users_template::bundles::Manifest;

/// Unpacked programs.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    programs: BTreeMap<String, (PathBuf, u64)>,
}

impl Programs {
    /// Unpacks all archives of a folder into another folder.
    pub(crate) fn add(&mut self, bundles: &Path, folder: &Path) -> Result<()> {
        let manifest = Manifest::read(bundles)?;
        for (name, bundle) in manifest.functions {
            let program = folder.join(&name);
            unpack(&bundles.join(&bundle.file), &program)
                .with_context(|| format!("cannot unpack {}", bundle.file))?;
            self.programs.insert(name, (program, bundle.bytes));
        }
        Ok(())
    }

    /// The program of a function.
    pub(crate) fn program(&self, function: &str) -> Result<PathBuf> {
        let found = self.programs.get(function);
        found
            .map(|(program, _)| program.clone())
            .with_context(|| format!("no archive of {function}"))
    }

    /// The sizes of the archives, in bytes.
    pub(crate) fn sizes(&self) -> BTreeMap<String, u64> {
        self.programs.iter().map(|(name, (_, bytes))| (name.clone(), *bytes)).collect()
    }
}

fn unpack(archive: &Path, program: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(archive)?)?;
    let mut packed = archive.by_name("bootstrap")?;
    let mut file = File::create(program)?;
    std::io::copy(&mut packed, &mut file)?;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
