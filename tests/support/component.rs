//! Components without a toolchain: imports and exports of any name, with nothing behind them. Binary format of the
//! component model, as far as it goes.

const TYPES: u8 = 7;
const INSTANCES: u8 = 5;
const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;
const INSTANCE: u8 = 5;
const FUNCTION: u8 = 1;

/// The type `string`.
pub(crate) const STRING: u8 = 0x73;

/// A component in the making.
pub(crate) struct Component {
    bytes: Vec<u8>,
    types: u8,
    instances: u8,
}

impl Component {
    pub(crate) fn new() -> Self {
        Self {
            bytes: b"\0asm\x0d\0\x01\0".to_vec(),
            types: 0,
            instances: 0,
        }
    }

    /// An interface with one function, which returns nothing.
    pub(crate) fn importing(mut self, interface: &str, function: &str, parameters: &[(&str, u8)]) -> Self {
        let mut kind = vec![0x42, 2, 0x01];
        kind.extend(function_type(parameters));
        kind.push(0x04);
        kind.extend(name(function));
        kind.extend([FUNCTION, 0]);
        let index = self.declare(&kind);
        self.import(interface, INSTANCE, index);
        self.instances += 1;
        self
    }

    /// A function outside of any interface.
    pub(crate) fn importing_function(mut self, function: &str) -> Self {
        let index = self.declare(&function_type(&[]));
        self.import(function, FUNCTION, index);
        self
    }

    /// An interface without functions.
    pub(crate) fn exporting(mut self, interface: &str) -> Self {
        // One instance, of no exports.
        self.section(INSTANCES, &[1, 0x01, 0]);
        let mut export = vec![1];
        export.extend(name(interface));
        export.extend([INSTANCE, self.instances, 0]);
        self.section(EXPORTS, &export);
        // An export is an instance of its own.
        self.instances += 2;
        self
    }

    pub(crate) fn build(self) -> Vec<u8> {
        self.bytes
    }

    fn declare(&mut self, kind: &[u8]) -> u8 {
        self.section(TYPES, &[&[1], kind].concat());
        self.types += 1;
        self.types - 1
    }

    fn import(&mut self, what: &str, sort: u8, index: u8) {
        let mut import = vec![1];
        import.extend(name(what));
        import.extend([sort, index]);
        self.section(IMPORTS, &import);
    }

    fn section(&mut self, id: u8, content: &[u8]) {
        self.bytes.push(id);
        self.bytes.extend(length(content.len()));
        self.bytes.extend(content);
    }
}

fn function_type(parameters: &[(&str, u8)]) -> Vec<u8> {
    let mut kind = vec![0x40, u8::try_from(parameters.len()).unwrap()];
    for (label, valtype) in parameters {
        kind.extend(&name(label)[1..]);
        kind.push(*valtype);
    }
    kind.extend([0x01, 0]);
    kind
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(length(text.len()));
    bytes.extend(text.bytes());
    bytes
}

/// LEB128 of a number below 2^14.
fn length(number: usize) -> Vec<u8> {
    let low = u8::try_from(number & 0x7f).unwrap();
    match u8::try_from(number >> 7).unwrap() {
        0 => vec![low],
        high => vec![low | 0x80, high],
    }
}
