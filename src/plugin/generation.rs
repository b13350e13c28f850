//! One version of one plugin: compiled, checked against the contract, asked what it is. What it is used for is told in
//! [`Bound`](super::Bound).

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::setpriority_process;
use serde_json::Value;
use tokio::sync::oneshot;
use wasmtime::component::{Component, InstancePre};

use super::Digest;
use super::bindings::exports::gatewit::plugin::lifecycle::PluginInfo;
use super::contract::{self, Checked, Mismatch, Shape};
use super::engine::Engine;
use super::failure::Cause;
use super::guest::{Binding, Guest};
use super::hooks::{Hooks, Indices};
use super::instance::{Budget, Instance};
use super::powers::Powers;
use super::progress::Progress;
use crate::config;

/// Bytes of a component.
const LARGEST: usize = 64 << 20;

/// How little compiling matters beside serving (nice).
const PRIORITY: i32 = 10;

/// What `describe` may take, starting the instance included.
const DESCRIBE: Budget = Budget {
    cpu: Duration::from_secs(1),
    time: Duration::from_secs(5),
};

/// Memory that it may take meanwhile.
const MEMORY: u64 = 512 << 20;

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Too large.
    #[error("it has {0} bytes, more than {LARGEST}")]
    TooLarge(usize),
    /// No component at all.
    #[error("{0}")]
    Shape(Shape),
    /// Not valid.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// It does not keep the contract.
    #[error("{}", .0.iter().map(Mismatch::to_string).collect::<Vec<_>>().join("; "))]
    Contract(Vec<Mismatch>),
    /// `describe` failed.
    #[error("asked what it is, it {0}")]
    Describe(Cause),
    /// Its schema is not JSON.
    #[error("the schema of its configuration is not JSON: {0}")]
    Schema(serde_json::Error),
    /// There is no thread to compile it.
    #[error("it could not be compiled: {0}")]
    Compiler(String),
}

/// See the module.
pub struct Generation {
    pub(super) engine: Arc<Engine>,
    pub(super) code: Arc<Code>,
    number: u64,
    digest: Digest,
    size: usize,
    info: Info,
    hooks: Hooks,
    imports: Vec<String>,
    exports: Vec<String>,
    needs: Vec<(String, &'static str)>,
    stubs: Vec<String>,
    timings: Timings,
}

/// What instances are made of.
pub(super) struct Code {
    pub(super) pre: InstancePre<Guest>,
    pub(super) indices: Indices,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Its name, which need not be the one it has in the configuration.
    pub name: String,
    /// Its version.
    pub version: String,
    /// JSON Schema of its configuration.
    pub schema: Option<Value>,
}

/// How long loading took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timings {
    /// To compile it, or to find it compiled.
    pub compile: Duration,
    /// Whether it was found compiled.
    pub cached: bool,
    /// To make an instance and ask what it is.
    pub describe: Duration,
}

impl Generation {
    /// Compiles a component and checks it. Compiling is done on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the component cannot be used, whatever it is used for.
    pub async fn load(
        engine: &Arc<Engine>,
        component: Bytes,
        plugin: &config::Plugin,
        number: u64,
    ) -> Result<Arc<Self>, LoadError> {
        if component.len() > LARGEST {
            return Err(LoadError::TooLarge(component.len()));
        }
        if let Some(shape) = Shape::of(&component) {
            return Err(LoadError::Shape(shape));
        }
        engine.supervise();
        let size = component.len();
        let began = Instant::now();
        let Compiled {
            digest,
            component,
            cached,
        } = compile(engine.clone(), component).await?;
        let compile = began.elapsed();
        let Checked { pre, hooks, stubs } =
            contract::check(engine, &component, plugin).map_err(LoadError::Contract)?;
        let code = Arc::new(Code::new(pre, hooks)?);
        let began = Instant::now();
        let info = describe(engine, &code, plugin).await?;
        let kind = component.component_type();
        let imports = kind.imports(&engine.wasm).map(|(name, _)| name.to_owned());
        let exports = kind.exports(&engine.wasm).map(|(name, _)| name.to_owned());
        Ok(Arc::new(Self {
            engine: engine.clone(),
            code,
            number,
            digest,
            size,
            info,
            hooks,
            imports: imports.collect(),
            exports: exports.collect(),
            needs: contract::needs(engine, &component),
            stubs,
            timings: Timings {
                compile,
                cached,
                describe: began.elapsed(),
            },
        }))
    }

    /// Counts the generations of one plugin.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// SHA-256 of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of the component.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What it says of itself.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// JSON Schema of its configuration.
    pub fn schema(&self) -> Option<&Value> {
        self.info.schema.as_ref()
    }

    /// Which hooks it exports.
    pub fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// Interfaces that it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Interfaces that it exports, hooks among them.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// Interfaces that it imports which need a grant, and the key under `grants`.
    pub fn needs(&self) -> &[(String, &'static str)] {
        &self.needs
    }

    /// Interfaces that it imports in vain: not granted, or nobody offers them, and [`config::Plugin::stub_ungranted`]
    /// says that it never calls them.
    pub fn stubs(&self) -> &[String] {
        &self.stubs
    }

    /// Makes an instance that nobody uses: how long that took, and its memory in bytes.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub async fn instantiate(&self, plugin: &config::Plugin) -> Result<(Duration, usize), Cause> {
        let binding = Arc::new(Binding::unused(plugin, MEMORY));
        let began = Instant::now();
        let mut instance = Instance::new(&self.code, binding, Arc::default(), DESCRIBE).await?;
        Ok((began.elapsed(), instance.guest().extent.memory))
    }

    /// How long loading took.
    pub fn timings(&self) -> Timings {
        self.timings
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut generation = f.debug_struct("Generation");
        generation
            .field("number", &self.number)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Code {
    fn new(pre: InstancePre<Guest>, hooks: Hooks) -> Result<Self, LoadError> {
        let indices = Indices::find(&pre, hooks).map_err(|(interface, error)| {
            LoadError::Contract(vec![Mismatch::Function {
                interface: interface.to_owned(),
                function: error.to_string().split('`').nth(3).map(str::to_owned),
                why: "there is no such function".to_owned(),
            }])
        })?;
        Ok(Self { pre, indices })
    }
}

struct Compiled {
    digest: Digest,
    component: Component,
    cached: bool,
}

async fn compile(engine: Arc<Engine>, component: Bytes) -> Result<Compiled, LoadError> {
    let (done, result) = oneshot::channel();
    let compiler = move || {
        // Only this thread, and those that it starts. Without the right to it, compiling is as important as the rest.
        let _ = setpriority_process(None, PRIORITY);
        let _ = done.send(compile_here(&engine, &component));
    };
    let thread = thread::Builder::new()
        .name("plugin-compiler".into())
        .spawn(compiler);
    thread.map_err(|error| LoadError::Compiler(error.to_string()))?;
    result
        .await
        .unwrap_or_else(|_| Err(LoadError::Compiler("the compiler failed".into())))
}

fn compile_here(engine: &Engine, component: &[u8]) -> Result<Compiled, LoadError> {
    let digest = Digest::of(component);
    let cache = engine.cache.as_ref();
    if let Some(component) = cache.and_then(|cache| cache.load(&engine.wasm, digest)) {
        return Ok(Compiled {
            digest,
            component,
            cached: true,
        });
    }
    let component = Component::from_binary(&engine.wasm, component).map_err(|error| invalid(&error))?;
    if let Some(cache) = cache {
        let code = component.serialize().map_err(|error| invalid(&error))?;
        if let Err(error) = cache.keep(digest, &code) {
            tracing::warn!(%error, "a compiled plugin could not be kept");
        }
    }
    Ok(Compiled {
        digest,
        component,
        cached: false,
    })
}

fn invalid(error: &wasmtime::Error) -> LoadError {
    LoadError::Invalid(error.root_cause().to_string())
}

async fn describe(engine: &Engine, code: &Arc<Code>, plugin: &config::Plugin) -> Result<Info, LoadError> {
    let binding = Arc::new(Binding::unused(plugin, MEMORY));
    let (code, progress) = (code.clone(), Arc::<Progress>::default());
    let its = progress.clone();
    let described = async move {
        let mut instance = Instance::new(&code, binding, its, DESCRIBE).await?;
        instance.describe(DESCRIBE).await
    };
    let described = engine.offload.carry(&progress, described).await;
    let PluginInfo {
        name,
        version,
        config_schema,
    } = described.flatten().map_err(LoadError::Describe)?;
    let schema = config_schema
        .map(|schema| serde_json::from_str(&schema))
        .transpose();
    Ok(Info {
        name,
        version,
        schema: schema.map_err(LoadError::Schema)?,
    })
}

impl Binding {
    /// For an instance that is only asked what it is.
    fn unused(plugin: &config::Plugin, memory: u64) -> Self {
        let used = config::Use {
            plugin: plugin.name.clone(),
            config: Value::Object(serde_json::Map::new()).into(),
            bounds: config::Bounds {
                cpu: DESCRIBE.cpu,
                time: DESCRIBE.time,
                memory,
                instances: 1,
                calls: 1,
                request_body: 0,
                response_body: 0,
                log_lines: 100,
            },
            failure: config::Failure::default(),
            authentication: false,
            isolation: config::Isolation::Fresh,
            place: plugin.place.clone(),
        };
        Self::new(
            String::new(),
            Arc::new(plugin.clone()),
            Arc::new(used),
            Arc::new(Powers::default()),
        )
    }
}
