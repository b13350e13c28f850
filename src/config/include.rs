//! Included files: which they are, and that none is read twice.

use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostics::Code;
use super::fit;
use super::keys;
use super::reading::{Reading, reason};
use super::section::Section;
use super::tree::{self, Text};

/// Every document of a configuration, the main one first.
pub(super) fn documents(main: usize, text: &str, reading: &mut Reading<'_>) -> Vec<Section> {
    let root = tree::parse(text, main, reading.environment, &mut reading.problems);
    let mut section = fit::document(root, &keys::ROOT, &mut reading.problems);
    let mut open = reading
        .files
        .iter()
        .filter_map(|file| fs::canonicalize(file).ok())
        .collect();
    let names = section.texts("include");
    let mut documents = vec![section];
    let mut known = Vec::new();
    include(names, &mut open, &mut known, &mut documents, reading);
    documents
}

/// `open` are the files that lead here; `known` all others that were read.
fn include(
    names: Vec<Text>,
    open: &mut Vec<PathBuf>,
    known: &mut Vec<PathBuf>,
    documents: &mut Vec<Section>,
    reading: &mut Reading<'_>,
) {
    for name in names {
        for path in matching(&name, reading) {
            let text = match reading.disk.configuration(&path) {
                Ok(text) => text,
                Err(error) => {
                    let message = format!("cannot read {}: {}", path.display(), reason(&error));
                    reading.problems.error(Code::File, name.at, message);
                    continue;
                }
            };
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if open.contains(&real) || known.contains(&real) {
                let how = if open.contains(&real) {
                    "includes itself"
                } else {
                    "is included twice"
                };
                let message = format!("{} {how}", path.display());
                reading
                    .problems
                    .error(Code::Duplicate, name.at, message)
                    .help("name every file once");
                continue;
            }
            let index = reading.open_file(&path, &text);
            let root = tree::parse(&text, index, reading.environment, &mut reading.problems);
            let mut section = fit::document(root, &keys::INCLUDED, &mut reading.problems);
            let names = section.texts("include");
            documents.push(section);
            open.push(real);
            include(names, open, known, documents, reading);
            known.extend(open.pop());
        }
    }
}

/// The files that an entry of `include` names, in alphabetical order.
fn matching(name: &Text, reading: &mut Reading<'_>) -> Vec<PathBuf> {
    let path = reading.path(name);
    let (folder, pattern) = (
        path.parent().unwrap_or(Path::new("")),
        path.file_name().unwrap_or_default(),
    );
    if folder.as_os_str().as_encoded_bytes().contains(&b'*') {
        reading.invalid::<()>(
            name.at,
            "only the last part of the name may hold `*`",
            "write one entry for each folder",
        );
        return Vec::new();
    }
    let Some(pattern) = pattern.to_str().filter(|pattern| pattern.contains('*')) else {
        return vec![path];
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if !reading.folders.iter().any(|known| known == folder) {
        reading.folders.push(folder.to_owned());
    }
    match reading.disk.listing(folder, pattern) {
        Ok(files) => files,
        Err(error) => {
            let message = format!("cannot list {}: {}", folder.display(), reason(&error));
            reading.problems.error(Code::File, name.at, message);
            Vec::new()
        }
    }
}
