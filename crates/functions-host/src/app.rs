//! A function app: a folder with `host.json`, functions, and a handler.

use crate::app_error::AppError;
use crate::function::{Function, FunctionError, FunctionErrorReason};
use crate::host_json::HostJson;
use crate::routing::{Routed, Router};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A function app as a host sees it.
#[derive(Debug)]
pub struct App {
    root: PathBuf,
    host_json: HostJson,
    functions: Vec<Function>,
    function_errors: Vec<FunctionError>,
    router: Router,
}

/// Which function a host takes for a request.
#[derive(Debug, Clone, Copy)]
pub enum Match<'a> {
    /// This one.
    Function(&'a Function),
    /// None: it answers 404.
    None,
    /// Any of these: their routes are equal in rank, both fit, and nothing says which comes first.
    Ambiguous(&'a Function, &'a Function),
}

impl App {
    /// Reads an app, without environment variables.
    ///
    /// # Errors
    /// If a host would not start with it. A function with an error does not keep a host from starting: it is in
    /// [`Self::function_errors`].
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, AppError> {
        Self::load_with(folder, &BTreeMap::new())
    }

    /// Reads an app. Variables like `AzureFunctionsJobHost__extensions__http__routePrefix` override `host.json`.
    ///
    /// # Errors
    /// If a host would not start with it.
    pub fn load_with(folder: impl AsRef<Path>, environment: &BTreeMap<String, String>) -> Result<Self, AppError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| AppError::Unreadable { path, error }
        };
        let root = folder.as_ref().canonicalize().map_err(unreadable(folder.as_ref()))?;
        let file = root.join("host.json");
        let host_json = HostJson::parse(&fs::read_to_string(&file).map_err(unreadable(&file))?, environment)?;
        let mut folders = BTreeMap::new();
        for entry in fs::read_dir(&root).map_err(unreadable(&root))? {
            let entry = entry.map_err(unreadable(&root))?;
            if entry.path().is_dir() {
                folders.insert(entry.file_name().to_string_lossy().into_owned(), entry.path());
            }
        }
        let mut app =
            Self { root, host_json, functions: Vec::new(), function_errors: Vec::new(), router: Router::default() };
        for (name, folder) in folders {
            match Function::load(&folder, &name, &app.host_json.route_prefix) {
                None => {}
                Some(Ok(function)) => app.add(function),
                Some(Err(reason)) => app.function_errors.push(FunctionError { function: name, reason }),
            }
        }
        Ok(app)
    }

    fn add(&mut self, function: Function) {
        if let Some(other) = self.functions.iter().find(|other| other.conflicts_with(&function)) {
            let reason = FunctionErrorReason::Conflict(other.name.clone());
            self.function_errors.push(FunctionError { function: function.name, reason });
            return;
        }
        self.router.add(function.template.clone(), function.methods.clone(), self.functions.len());
        self.functions.push(function);
    }

    /// The folder of the app.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `host.json` says, and what overrides it.
    pub fn host_json(&self) -> &HostJson {
        &self.host_json
    }

    /// The functions that a host calls, in the order of their names.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The functions that a host leaves out.
    pub fn function_errors(&self) -> &[FunctionError] {
        &self.function_errors
    }

    /// Which function a request is for, by its method and the path as it is in the request.
    pub fn route(&self, method: &str, path: &str) -> Match<'_> {
        match self.router.route(method, path) {
            Routed::To(function) => self.functions.get(function).map_or(Match::None, Match::Function),
            Routed::Nowhere => Match::None,
            Routed::Ambiguous(one, other) => match (self.functions.get(one), self.functions.get(other)) {
                (Some(one), Some(other)) => Match::Ambiguous(one, other),
                _ => Match::None,
            },
        }
    }
}
