//! The structure of the source code, in every crate of the workspace:
//!
//! - Modules do not import each other in circles. A module is a file; a parent and its child are two modules.
//! - The `mod` lines of a `lib.rs` give the order of its layers, from the foundation up. Blank lines separate the
//!   layers, since rustfmt sorts the lines between them. A module imports from its own layer and from those above it in
//!   the file, so each step of the flow sees the types of the steps before it, and what drives the flow comes last.
//! - Only the files of [`NAMES_SPIN`] name Spin's SDK.
//! - [`INDEPENDENT`] packages do not depend on those that they must not know.
//!
//! Sources are read as tokens. Comments, literals, attributes and everything under `#[cfg(test)]` are left out.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

/// The host on Spin, and the entry points of components.
const NAMES_SPIN: [&str; 7] = [
    "components/entra/src/component",
    "crates/entra-obo-spin/",
    "src/component",
    "app/src/component",
    "bench/",
    "dev/probe/",
    "examples/rust/",
];

/// Folders of packages, and the folders of packages that they must not depend on, at any depth.
const INDEPENDENT: [(&str, &[&str]); 7] = [
    // The harness shares no code with what it tests.
    ("dev", &["", "app", "crates"]),
    ("dev/bench", &["", "app", "crates"]),
    ("dev/cli", &["", "app", "crates"]),
    ("dev/host", &["", "app", "crates", "dev/tenant"]),
    ("dev/manifests", &["", "app", "crates"]),
    ("dev/tenant", &["", "app", "crates"]),
    // The app knows the API by its responses.
    ("app", &["", "dev"]),
];

#[test]
fn imports_follow_the_structure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let folders = members(&read("Cargo.toml").unwrap(), |folder| {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    });
    assert!(folders.iter().any(String::is_empty), "the workspace has no package at its root: {folders:?}");
    let mut faults = dependencies(&folders, &read);
    for folder in &folders {
        for file in ["lib.rs", "main.rs"] {
            let modules = Modules::load(&join(folder, &format!("src/{file}")), &read);
            faults.extend(modules.iter().flat_map(Modules::faults));
        }
    }
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "these imports break the structure:\n{}", faults.join("\n"));
}

/// An import that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    rule: &'static str,
    from: String,
    to: String,
    line: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, from, to, line } = self;
        write!(formatter, "{rule}: {from}:{line} imports {to}")
    }
}

// Packages.

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The folders of a workspace's members; `list` names what is in a folder. The root's is empty.
fn members(manifest: &str, list: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let (_, rest) = manifest.split_once("members = [").unwrap();
    let (members, _) = rest.split_once(']').unwrap();
    let mut folders = Vec::new();
    for member in members.split('"').skip(1).step_by(2) {
        match member.strip_suffix("/*") {
            Some(folder) => folders.extend(list(folder).iter().map(|name| format!("{folder}/{name}"))),
            None => folders.push(member.trim_matches('.').to_owned()),
        }
    }
    folders
}

/// The dependencies by which [`INDEPENDENT`] packages know what they must not know.
fn dependencies(folders: &[String], read: &impl Fn(&str) -> Option<String>) -> Vec<Fault> {
    let mut names = BTreeMap::new();
    for folder in folders {
        let manifest = read(&join(folder, "Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).unwrap();
        names.insert(name.to_owned(), folder);
    }
    let mut faults = Vec::new();
    for (folder, forbidden) in INDEPENDENT {
        let path = join(folder, "Cargo.toml");
        let Some(manifest) = read(&path) else { continue };
        let mut in_dependencies = false;
        for (line, text) in manifest.lines().enumerate() {
            if let Some(table) = text.strip_prefix('[') {
                in_dependencies = table.contains("dependencies");
            }
            let key = text.trim_start_matches('[').trim_start_matches("dependencies.");
            let key = key.split(['=', '.', ']']).next().unwrap_or_default().trim();
            let to = names.get(key).filter(|_| in_dependencies);
            if let Some(to) = to.filter(|to| {
                forbidden
                    .iter()
                    .any(|folder| to == &folder || !folder.is_empty() && to.starts_with(&format!("{folder}/")))
            }) {
                let to = join(to, "Cargo.toml");
                faults.push(Fault { rule: "dependency", from: path.clone(), to, line: line + 1 });
            }
        }
    }
    faults
}

// Modules.

/// The modules of one crate, the root first.
struct Modules(Vec<Module>);

struct Module {
    /// Where it is declared: `["keys", "cache"]`, or nothing for the root.
    name: Vec<String>,
    path: String,
    tokens: Vec<Token>,
    /// The modules of the declared children, and the lines of their declarations.
    children: Vec<(String, usize)>,
    text: String,
}

impl Modules {
    /// Reads a crate from its root on; `None` if there is none.
    fn load(root: &str, read: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let mut modules = vec![Module::parse(Vec::new(), root.to_owned(), read(root)?)];
        let mut next = 0;
        while let Some(parent) = modules.get(next) {
            let folder = match parent.path.rsplit_once('/') {
                Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder.to_owned(),
                _ => parent.path.trim_end_matches(".rs").to_owned(),
            };
            let mut children = Vec::new();
            for (child, line) in &parent.children {
                let paths = [format!("{folder}/{child}.rs"), format!("{folder}/{child}/mod.rs")];
                let Some((path, text)) = paths.into_iter().find_map(|path| read(&path).map(|text| (path, text))) else {
                    panic!("{}:{line}: module {child} has no file", parent.path);
                };
                children.push(Module::parse([&parent.name[..], std::slice::from_ref(child)].concat(), path, text));
            }
            modules.extend(children);
            next += 1;
        }
        Some(Self(modules))
    }

    /// All imports that break a rule.
    fn faults(&self) -> BTreeSet<Fault> {
        let imports = self.imports();
        let fault = |rule, (from, to): (usize, usize), line| {
            let [from, to] = [from, to].map(|module| self.0[module].path.clone());
            Fault { rule, from, to, line }
        };
        let mut faults = BTreeSet::new();
        let layers = self.layers();
        for (edge @ (from, to), line) in &imports {
            let [from, to] = [*from, *to].map(|module| self.0[module].name.first().and_then(|name| layers.get(name)));
            if to > from && from.is_some() {
                faults.insert(fault("order", *edge, *line));
            }
        }
        for (edge @ (from, to), line) in &imports {
            if reaches(&imports, *to, *from) {
                faults.insert(fault("circle", *edge, *line));
            }
        }
        for module in &self.0 {
            if NAMES_SPIN.iter().any(|allowed| module.path.starts_with(allowed)) {
                continue;
            }
            if let Some(token) = module.tokens.iter().find(|token| token.text == "spin_sdk") {
                let to = token.text.clone();
                faults.insert(Fault { rule: "Spin", from: module.path.clone(), to, line: token.line });
            }
        }
        faults
    }

    /// The layer of each module that the root declares.
    fn layers(&self) -> BTreeMap<String, usize> {
        let root = &self.0[0];
        let lines: Vec<_> = root.text.lines().collect();
        let (mut layer, mut last) = (0, 0);
        let mut layers = BTreeMap::new();
        for (name, line) in &root.children {
            if lines[last..*line].iter().any(|line| line.trim().is_empty()) {
                layer += 1;
            }
            last = *line;
            layers.insert(name.clone(), layer);
        }
        layers
    }

    /// Which module imports which, and the first line that does.
    fn imports(&self) -> BTreeMap<(usize, usize), usize> {
        let mut imports = BTreeMap::new();
        for (from, module) in self.0.iter().enumerate() {
            for (path, line) in module.paths() {
                let to = (0..=path.len())
                    .rev()
                    .find_map(|length| self.0.iter().position(|module| module.name == path[..length]));
                let to = to.unwrap();
                if to != from {
                    imports.entry((from, to)).or_insert(line);
                }
            }
        }
        imports
    }
}

fn reaches(imports: &BTreeMap<(usize, usize), usize>, from: usize, to: usize) -> bool {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        if reached.insert(module) {
            open.extend(imports.range((module, 0)..(module + 1, 0)).map(|((_, next), _)| *next));
        }
    }
    false
}

impl Module {
    fn parse(name: Vec<String>, path: String, text: String) -> Self {
        let tokens = without_tests(tokens(&text));
        let children = tokens.windows(3).filter(|window| window[0].text == "mod" && window[2].text == ";");
        let children = children.map(|window| (window[1].text.clone(), window[1].line)).collect();
        Self { name, path, tokens, children, text }
    }

    /// The paths in this file that begin in this crate, in full from its root, and their lines.
    fn paths(&self) -> Vec<(Vec<String>, usize)> {
        let mut paths = Vec::new();
        // The inline modules around a token, each with the number of open braces at its beginning.
        let mut inline: Vec<(String, usize)> = Vec::new();
        let (mut braces, mut at) = (0, 0);
        while let Some(token) = self.tokens.get(at) {
            match token.text.as_str() {
                "mod" if self.word(at + 2) == "{" => inline.push((self.word(at + 1).to_owned(), braces)),
                "{" => braces += 1,
                "}" => {
                    braces -= 1;
                    inline.pop_if(|(_, begin)| *begin == braces);
                }
                _ => {}
            }
            let before = |count: usize| at.checked_sub(count).map_or("", |at| self.word(at));
            let is_visibility = before(2) == "(" && before(1) == "in";
            let is_path = self.word(at + 1) == "::" && !matches!(before(1), "::" | ".") && !is_visibility;
            let mut here: Vec<String> =
                self.name.iter().cloned().chain(inline.iter().map(|(name, _)| name.clone())).collect();
            if !is_path {
                at += 1;
                continue;
            }
            let base = match token.text.as_str() {
                "crate" => Vec::new(),
                "self" => here,
                "super" => {
                    here.pop();
                    while self.word(at + 2) == "super" && self.word(at + 3) == "::" {
                        here.pop();
                        at += 2;
                    }
                    here
                }
                word if inline.is_empty() && self.children.iter().any(|(child, _)| child == word) => {
                    here.push(word.to_owned());
                    here
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            at = self.tree(at + 2, base, &mut paths);
        }
        paths
    }

    /// Adds the paths of a tree, which continues after a `::`, and returns where it ends.
    fn tree(&self, mut at: usize, mut path: Vec<String>, paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        if self.word(at) == "{" {
            at += 1;
            while !matches!(self.word(at), "}" | "") {
                at = match self.word(at) {
                    "," => at + 1,
                    _ => self.tree(at, path.clone(), paths),
                };
            }
            return at + 1;
        }
        if !matches!(self.word(at), "self" | "*") && is_word(self.word(at)) {
            path.push(self.word(at).to_owned());
        }
        at += 1;
        if self.word(at) == "::" {
            return self.tree(at + 1, path, paths);
        }
        if self.word(at) == "as" {
            at += 2;
        }
        paths.push((path, line));
        at
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }
}

// Tokens.

/// A word, `::` or another character.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// The tokens of a file. Comments are left out, and literals but numbers are `"`.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
        let hashes = rest[word..].len() - rest[word..].trim_start_matches('#').len();
        let is_raw = matches!(&rest[..word], "r" | "br" | "cr") && rest[word + hashes..].starts_with('"');
        let (length, text) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), "")
        } else if rest.starts_with("/*") {
            (block_comment(rest), "")
        } else if is_raw {
            let begin = word + hashes + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            (begin + rest[begin..].find(&end).unwrap() + end.len(), "\"")
        } else if first == '"' || matches!(&rest[..word], "b" | "c") && rest[word..].starts_with('"') {
            (word + quoted(&rest[word..], '"'), "\"")
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            (quoted(rest, '\''), "\"")
        } else if word > 0 {
            (word, &rest[..word])
        } else if rest.starts_with("::") {
            (2, "::")
        } else {
            (first.len_utf8(), rest[..first.len_utf8()].trim())
        };
        if !text.is_empty() {
            tokens.push(Token { text: text.to_owned(), line });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a literal in quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, next)| {
        let ends = *next == quote && !is_escaped;
        is_escaped = *next == '\\' && !is_escaped;
        ends
    });
    end.unwrap().0 + 1
}

/// The length of a comment that may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += text[at..].chars().next().unwrap().len_utf8();
        }
        if depth == 0 {
            return at;
        }
    }
}

/// Leaves out attributes, and the items that `#[cfg(test)]` leaves out of a build.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let bracket = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|next| next.text == "!"));
        if token.text != "#" || tokens.get(bracket).is_none_or(|next| next.text != "[") {
            kept.push(token.clone());
            at += 1;
            continue;
        }
        let begin = bracket + 1;
        at = closing(&tokens, bracket);
        let words: Vec<_> = tokens[begin..at - 1].iter().map(|token| token.text.as_str()).collect();
        if words[0] == "cfg" && words.contains(&"test") && !words.contains(&"not") {
            at = end_of_item(&tokens, at);
        }
    }
    kept
}

/// Where an item ends that begins at `at`: after a `;`, after a block, or (a field, a variant) after a `,`.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" | "," => return at + 1,
            "{" => return closing(tokens, at),
            "(" | "[" => at = closing(tokens, at),
            "}" => return at,
            _ => at += 1,
        }
    }
    at
}

/// Where the bracket at `at` has been closed again.
fn closing(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    loop {
        match tokens[at].text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
}

// Tests of the above.

/// The faults of a crate at `lib.rs` with these files, as `rule from to line`.
fn faults_of(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| files.iter().find(|(own, _)| *own == path).map(|(_, text)| (*text).to_owned());
    let modules = Modules::load("src/lib.rs", &read).unwrap();
    let faults = modules.faults();
    let short = |path: &str| path.trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    faults
        .iter()
        .map(|fault| format!("{} {} {} {}", fault.rule, short(&fault.from), short(&fault.to), fault.line))
        .collect()
}

#[test]
fn circles_are_found_however_they_are_written() {
    let lib = ("src/lib.rs", "mod a;\nmod b;\nmod c;\n");
    let circle = ["circle a b 1", "circle b a 2"];
    for (a, b, expected) in [
        ("use crate::b::B;", "\nuse crate::a;", &circle[..]),
        ("use crate::{c, b::{self, B}};", "\nuse super::a::{A as Other};", &circle),
        ("use crate::b::*;", "\nfn f() -> crate::a::A { g::<crate::c::C>() }", &circle),
        ("fn f() { super::b::g::<u8>() }", "\nmod inline { use super::super::a::A; }", &circle),
        (
            "fn f(c: char) { c == '\"' || crate::b::g('\\'') }",
            "\nconst X: &str = r#\"\"crate::c\"#; use crate::a;",
            &circle,
        ),
        ("use crate::b::B;", "use crate::c::C;", &[]),
        ("use crate::b::B;", "// use crate::a;\n/* /* */ use crate::a; */ const A: &str = \"crate::a\";", &[]),
        (
            "use crate::b::B;",
            "#[cfg(test)] mod tests { use crate::a; }\n#[cfg(all(test, unix))] use crate::a::{A};",
            &[],
        ),
        ("use crate::b::B;", "#[cfg(not(test))]\nuse crate::a;", &circle),
        ("use crate::b::B;", "#[cfg(test)] mod tests;\npub(in crate::a) fn f<'a>(x: &'a other::crate_::a::A) {}", &[]),
    ] {
        let files = [lib, ("src/a.rs", a), ("src/b.rs", b), ("src/c.rs", "")];
        assert_eq!(faults_of(&files), expected, "{a} | {b}");
    }
}

#[test]
fn a_parent_and_its_child_can_be_a_circle() {
    let lib = ("src/lib.rs", "mod a;");
    for (parent, child, expected) in [
        ("mod b;\nuse b::B;", "use super::A;", &["circle a/mod a/b 2", "circle a/b a/mod 1"][..]),
        ("mod b;\nfn f() { b::f() }", "use crate::a::A;", &["circle a/mod a/b 2", "circle a/b a/mod 1"]),
        ("mod b;\npub use self::b::B;", "use super::A;", &["circle a/mod a/b 2", "circle a/b a/mod 1"]),
        ("mod b;", "use super::A;", &[]),
        ("mod b;\nfn f() { other::b::f(self.b) }", "use super::A;", &[]),
        ("mod b;\nuse b::B;", "use super::super::X;", &[]),
    ] {
        let mut found = faults_of(&[lib, ("src/a/mod.rs", parent), ("src/a/b.rs", child)]);
        found.sort_by_key(|fault| !fault.starts_with("circle a/mod"));
        assert_eq!(found, expected, "{parent} | {child}");
    }
    let files = [
        lib,
        ("src/a.rs", "mod b;\nuse b::B;"),
        ("src/a/b.rs", "mod c; use c::C;"),
        ("src/a/b/c.rs", "use crate::a::A;"),
    ];
    assert_eq!(faults_of(&files), ["circle a a/b 2", "circle a/b a/b/c 1", "circle a/b/c a 1"]);
}

#[test]
fn layers_import_from_those_declared_before_them() {
    let lib = "//! Map.\n\n/// First.\npub mod a;\n/// Second, in the same layer.\nmod b;\n\n#[cfg(x)]\nmod c;\npub use a::A;\n";
    for (a, b, c, expected) in [
        ("", "use crate::a;", "use crate::{a, b};", &[][..]),
        ("use crate::b;", "", "", &[]),
        ("\nuse crate::c;", "", "", &["order a c 2"]),
        ("mod d;", "\n\nuse crate::{a, c};", "", &["order b c 3"]),
    ] {
        let files =
            [("src/lib.rs", lib), ("src/a.rs", a), ("src/b.rs", b), ("src/c.rs", c), ("src/a/d.rs", "use crate::b;")];
        assert_eq!(faults_of(&files), expected, "{a} | {b} | {c}");
    }
}

#[test]
fn spin_is_named_where_components_begin() {
    let files = [
        ("src/lib.rs", "mod component;\nmod a;\nmod b;"),
        ("src/component.rs", "use spin_sdk::http;"),
        ("src/a.rs", "//! spin_sdk\n#[spin_sdk::http] fn f() {}\nfn g() { spin_sdk::time::sleep() }"),
        ("src/b.rs", "#[cfg(test)] use spin_sdk::x;"),
    ];
    assert_eq!(faults_of(&files), ["Spin a spin_sdk 3"]);
}

#[test]
fn independent_packages_are_found_to_depend() {
    let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n\n{rest}\n");
    let root = "[workspace]\nmembers = [\".\", \"app\", \"crates/*\", \"dev\", \"dev/tenant\"]\n\n".to_owned()
        + &manifest("product", "[dependencies]\napp = { path = \"app\" }\n");
    let files = BTreeMap::from([
        ("Cargo.toml", root.clone()),
        ("app/Cargo.toml", manifest("app", "[dependencies]\ncore = { path = \"../crates/core\" }")),
        ("crates/core/Cargo.toml", manifest("core", "[dependencies]\n")),
        (
            "dev/Cargo.toml",
            manifest(
                "dev",
                "[dependencies]\ntenant = { path = \"tenant\" }\nserde = \"1\"\n[dev-dependencies]\ncore.path = \"x\"",
            ),
        ),
        (
            "dev/tenant/Cargo.toml",
            manifest("tenant", "[features]\nproduct = []\n[dependencies.product]\npath = \"../..\""),
        ),
    ]);
    let folders = members(&root, |folder| if folder == "crates" { vec!["core".to_owned()] } else { Vec::new() });
    assert_eq!(folders, ["", "app", "crates/core", "dev", "dev/tenant"]);
    let faults = dependencies(&folders, &|path| files.get(path).cloned());
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "dependency: dev/Cargo.toml:8 imports crates/core/Cargo.toml",
            "dependency: dev/tenant/Cargo.toml:6 imports Cargo.toml",
        ]
    );
}
