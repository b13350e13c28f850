//! The contract as TypeScript for QuickJS: what `examples/plugins/ts/types/gatewit.d.ts` has to be. It is written here, as no
//! generator knows how QuickJS sees types: `u64` is a number there, and none is `null`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Case, Docs, Function, Interface, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeOwner, WorldItem,
    WorldKey,
};

const HEAD: &str = "\
// The whole contract between Gatewit and its plugins, as QuickJS sees it. A plugin imports and exports what its
// `wit/world.wit` names.
//
//   u64, s64         number: exact up to 2^53
//   option<t>        t, or null when there is none
//   result<t, e>     the function returns t, or throws an Error whose `payload` is e. One that is exported throws e itself
//   list<u8>         Uint8Array
//   tuple            an array
//   variant          { tag, val }; so is a result within a list: the tag is \"ok\" or \"err\"
//   record, enum     an object, a string
//
// Names have capitals in place of `-`: `set-header` is `setHeader`, and the interface `request-hook` is exported as
// `requestHook`.
";

/// What is no name for a function in JavaScript, of what the contract has. It is one for an export.
const RESERVED: [&str; 2] = ["delete", "private"];

/// An interface of the contract, and whether it is the plugin that has it.
pub(crate) struct Part<'r> {
    pub(crate) interface: &'r Interface,
    pub(crate) exported: bool,
}

impl Part<'_> {
    pub(crate) fn name(&self) -> &str {
        self.interface.name.as_deref().unwrap()
    }
}

/// The contract in this folder.
pub(crate) fn contract(folder: &Path) -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(folder).unwrap();
    resolve
}

/// All interfaces, in the order of their names.
pub(crate) fn parts(resolve: &Resolve) -> Vec<Part<'_>> {
    let (_, world) = resolve
        .worlds
        .iter()
        .find(|(_, it)| it.name == "every-hook")
        .unwrap();
    let of = |exported: bool| {
        let items = if exported { &world.exports } else { &world.imports };
        items.iter().filter_map(move |(key, item)| match (key, item) {
            (WorldKey::Interface(id), WorldItem::Interface { .. }) => Some(Part {
                interface: &resolve.interfaces[*id],
                exported,
            }),
            _ => None,
        })
    };
    let mut parts: Vec<Part<'_>> = of(false).chain(of(true)).collect();
    assert_eq!(parts.len(), resolve.interfaces.len(), "each is in the world");
    parts.sort_by_key(|part| (part.name() != "types", part.exported, part.name().to_owned()));
    parts
}

/// The declarations of the whole contract.
pub(crate) fn declarations(resolve: &Resolve) -> String {
    let mut text = HEAD.to_owned();
    for part in parts(resolve) {
        Module {
            resolve,
            interface: part.interface,
        }
        .write(&part, &mut text);
    }
    text
}

/// `set-header` as JavaScript has it.
pub(crate) fn camel(name: &str) -> String {
    let mut words = name.split('-');
    words.next().unwrap_or_default().to_owned() + &words.map(capital).collect::<String>()
}

/// `edit-error` as a type.
pub(crate) fn pascal(name: &str) -> String {
    name.split('-').map(capital).collect()
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// One interface.
struct Module<'r> {
    resolve: &'r Resolve,
    interface: &'r Interface,
}

impl Module<'_> {
    fn write(&self, part: &Part<'_>, text: &mut String) {
        let name = part.name();
        write!(
            text,
            "\n{}declare module {:?} {{\n",
            doc(&self.interface.docs, None, ""),
            self.specifier(self.interface)
        )
        .unwrap();
        for (module, names) in self.borrowed() {
            let names = names.join(", ");
            writeln!(text, "  import type {{ {names} }} from {module:?};\n").unwrap();
        }
        for id in self.interface.types.values() {
            self.definition(&self.resolve.types[*id], text);
        }
        if part.exported {
            writeln!(text, "  export interface {} {{", pascal(name)).unwrap();
            for function in self.interface.functions.values() {
                let docs = self.function_doc(function, true, "    ");
                writeln!(
                    text,
                    "{docs}    {}{};",
                    camel(&function.name),
                    self.signature(function)
                )
                .unwrap();
            }
            text.push_str("  }\n");
        } else {
            for function in self.interface.functions.values() {
                self.function(function, text);
            }
        }
        text.push_str("}\n");
    }

    fn specifier(&self, interface: &Interface) -> String {
        let package = &self.resolve.packages[interface.package.unwrap()].name;
        let name = interface.name.as_deref().unwrap();
        format!(
            "{}:{}/{name}@{}",
            package.namespace,
            package.name,
            package.version.as_ref().unwrap()
        )
    }

    /// Types of other interfaces, by those.
    fn borrowed(&self) -> BTreeMap<String, Vec<String>> {
        let mut borrowed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, id) in &self.interface.types {
            if let TypeDefKind::Type(Type::Id(origin)) = self.resolve.types[*id].kind {
                let TypeOwner::Interface(owner) = self.resolve.types[origin].owner else {
                    continue;
                };
                borrowed.entry(self.module(owner)).or_default().push(pascal(name));
            }
        }
        borrowed
    }

    fn module(&self, id: InterfaceId) -> String {
        self.specifier(&self.resolve.interfaces[id])
    }

    fn definition(&self, it: &TypeDef, text: &mut String) {
        let Some(name) = it.name.as_deref().map(pascal) else {
            return;
        };
        let docs = doc(&it.docs, None, "  ");
        match &it.kind {
            TypeDefKind::Record(record) => {
                writeln!(text, "{docs}  export interface {name} {{").unwrap();
                for field in &record.fields {
                    let docs = doc(&field.docs, None, "    ");
                    writeln!(
                        text,
                        "{docs}    {}: {};",
                        camel(&field.name),
                        self.written(&field.ty)
                    )
                    .unwrap();
                }
                text.push_str("  }\n");
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| (&case.docs, self.case(case)));
                union(&docs, &name, cases, text);
            }
            TypeDefKind::Enum(it) => {
                let cases = it
                    .cases
                    .iter()
                    .map(|case| (&case.docs, format!("{:?}", case.name)));
                union(&docs, &name, cases, text);
            }
            TypeDefKind::Type(_) => {}
            other => panic!("{name}: the contract had no {} so far", other.as_str()),
        }
    }

    fn case(&self, case: &Case) -> String {
        match &case.ty {
            None => format!("{{ tag: {:?} }}", case.name),
            Some(ty) => format!("{{ tag: {:?}; val: {} }}", case.name, self.written(ty)),
        }
    }

    fn function(&self, function: &Function, text: &mut String) {
        let docs = self.function_doc(function, false, "  ");
        let name = camel(&function.name);
        let signature = self.signature(function);
        if RESERVED.contains(&name.as_str()) {
            let inner = format!("{name}_");
            writeln!(
                text,
                "{docs}  function {inner}{signature};\n  export {{ {inner} as {name} }};"
            )
            .unwrap();
        } else {
            writeln!(text, "{docs}  export function {name}{signature};").unwrap();
        }
    }

    fn signature(&self, function: &Function) -> String {
        let parameters = function.params.iter();
        let parameters: Vec<String> = parameters
            .map(|it| format!("{}: {}", camel(&it.name), self.written(&it.ty)))
            .collect();
        let result = match self.result(function) {
            Some((ok, _)) => ok,
            None => function.result,
        };
        let result = result.map_or_else(|| "void".to_owned(), |ty| self.written(&ty));
        format!("({}): {result}", parameters.join(", "))
    }

    fn function_doc(&self, function: &Function, exported: bool, indent: &str) -> String {
        let error = self.result(function).and_then(|(_, error)| error);
        let throws = error.map(|error| match exported {
            true => format!("@throws {{{}}}", self.written(&error)),
            false => format!("@throws {{Error}} `payload` is {}", self.written(&error)),
        });
        doc(&function.docs, throws.as_deref(), indent)
    }

    /// What a function returns when it succeeds, and when it does not.
    fn result(&self, function: &Function) -> Option<(Option<Type>, Option<Type>)> {
        let Some(Type::Id(id)) = function.result else {
            return None;
        };
        match &self.resolve.types[id].kind {
            TypeDefKind::Result(result) => Some((result.ok, result.err)),
            _ => None,
        }
    }

    fn written(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "boolean".to_owned(),
            Type::String | Type::Char => "string".to_owned(),
            Type::Id(id) => self.composed(&self.resolve.types[*id]),
            Type::ErrorContext => panic!("the contract had none so far"),
            _ => "number".to_owned(),
        }
    }

    fn composed(&self, it: &TypeDef) -> String {
        if let Some(name) = &it.name {
            return pascal(name);
        }
        let or_none =
            |ty: &Option<Type>| ty.map_or(String::new(), |ty| format!("; val: {}", self.written(&ty)));
        match &it.kind {
            TypeDefKind::Option(ty) => format!("{} | null", self.written(ty)),
            TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
            TypeDefKind::List(ty) => match self.written(ty) {
                union if union.contains(" | ") => format!("({union})[]"),
                one => format!("{one}[]"),
            },
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<String> = tuple.types.iter().map(|ty| self.written(ty)).collect();
                format!("[{}]", types.join(", "))
            }
            TypeDefKind::Result(it) => {
                format!(
                    "{{ tag: \"ok\"{} }} | {{ tag: \"err\"{} }}",
                    or_none(&it.ok),
                    or_none(&it.err)
                )
            }
            other => panic!("the contract had no {} so far", other.as_str()),
        }
    }
}

fn union<'d>(docs: &str, name: &str, cases: impl Iterator<Item = (&'d Docs, String)>, text: &mut String) {
    write!(text, "{docs}  export type {name} =").unwrap();
    for (docs, case) in cases {
        write!(text, "\n{}    | {case}", doc(docs, None, "    ")).unwrap();
    }
    text.push_str(";\n");
}

/// What is said of something, as a comment of its own.
fn doc(docs: &Docs, more: Option<&str>, indent: &str) -> String {
    let said = docs.contents.as_deref().unwrap_or_default();
    let lines: Vec<&str> = said.trim().lines().chain(more).collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String = lines
                .iter()
                .map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n")
                .collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}
