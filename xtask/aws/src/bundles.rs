//! The archives of `cargo xtask build`, and their keys in the bucket.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use users_template::Stage;
use users_template::bundles::{self, Manifest};

/// One archive.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// The function, in kebab case.
    pub(crate) function: String,
    pub(crate) path: PathBuf,
    /// The key of its object, named after its content.
    pub(crate) key: String,
    /// SHA-256 in base 64, as S3 and Lambda write it.
    pub(crate) sha256: String,
}

/// Reads the list of archives for a stage.
///
/// # Errors
/// When the list or an archive is missing, or the architecture is not that of the stage.
pub(crate) fn read(directory: Option<&Path>, stage: &Stage) -> Result<Vec<Archive>> {
    // `cargo xtask` builds them and gives their directory.
    let directory = directory
        .context("give the directory of the archives of `cargo xtask build` with --bundles")?;
    let manifest = Manifest::read(directory)?;
    if manifest.architecture != stage.architecture {
        bail!(
            "the archives in {} are for {}, but stage `{}` runs on {}; build them with `cargo \
             xtask build --stage {}`",
            directory.display(),
            manifest.architecture.as_str(),
            stage.name,
            stage.architecture.as_str(),
            stage.name
        );
    }
    let mut functions = manifest.functions;
    let archives = users_template::functions().map(|function| {
        let bundle = functions.remove(function).with_context(|| {
            format!(
                "{} has no archive of {function}; build them again",
                bundles::path(directory).display()
            )
        })?;
        let path = directory.join(&bundle.file);
        if !path.is_file() {
            bail!("{} is missing; build the archives again", path.display());
        }
        Ok(Archive {
            function: function.to_owned(),
            path,
            key: format!("functions/{function}/{}.zip", bundle.sha256_hex),
            sha256: bundle.sha256,
        })
    });
    archives.collect()
}

#[cfg(test)]
mod tests {
    use super::read;
    use users_template::bundles::{Bundle, Manifest, path};
    use users_template::{Architecture, Stage};

    fn directory(architecture: Architecture, functions: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let bundle = |name: &&str| {
            let file = format!("{name}.zip");
            std::fs::write(directory.path().join(&file), "zip").unwrap();
            let bundle = Bundle {
                file,
                sha256: "AA==".to_owned(),
                sha256_hex: "00".to_owned(),
                bytes: 3,
                program_bytes: 3,
            };
            ((*name).to_owned(), bundle)
        };
        let functions = functions.iter().map(bundle).collect();
        let manifest = Manifest { architecture, budget_bytes: 3, functions };
        std::fs::write(path(directory.path()), manifest.to_text().unwrap()).unwrap();
        directory
    }

    fn refusal(directory: &tempfile::TempDir) -> String {
        let stage = Stage { name: "dev".to_owned(), ..Stage::default() };
        read(Some(directory.path()), &stage).unwrap_err().to_string()
    }

    #[test]
    fn archives_are_keyed_by_function_and_content() {
        let names: Vec<_> = users_template::functions().collect();
        let directory = directory(Architecture::Arm64, &names);
        let stage = Stage { name: "dev".to_owned(), ..Stage::default() };
        let archives = read(Some(directory.path()), &stage).unwrap();
        assert_eq!(archives.len(), names.len());
        assert_eq!(archives[0].key, format!("functions/{}/00.zip", names[0]));
    }

    #[test]
    fn archives_that_do_not_fit_the_stage_are_refused_with_advice() {
        assert!(refusal(&tempfile::tempdir().unwrap()).contains("cargo xtask build"));
        let names: Vec<_> = users_template::functions().collect();
        let other = refusal(&directory(Architecture::X8664, &names));
        assert!(other.contains("for x86_64, but stage `dev` runs on arm64"), "{other}");
        let missing = refusal(&directory(Architecture::Arm64, &names[1..]));
        assert!(missing.contains(names[0]), "{missing}");
        let gone = directory(Architecture::Arm64, &names);
        std::fs::remove_file(gone.path().join(format!("{}.zip", names[0]))).unwrap();
        assert!(refusal(&gone).contains("missing"));
    }
}
