//! The container image: the program and CA certificates, nothing else. Written as an OCI image layout, without a container engine.

use crate::certificates;
use crate::layer::{Layer, LayerFile};
use crate::program::{ProgramError, check_program};
use crate::revision::Revision;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the program is in the image.
pub const PROGRAM_PATH: &str = "usr/local/bin/azurehsm-signer";

/// Where TLS libraries look for CA certificates.
pub const CERTIFICATES_PATH: &str = "etc/ssl/certs/ca-certificates.crt";

/// User and group. Numeric, since Kubernetes cannot tell whether a name is root (`runAsNonRoot`), and there is no `/etc/passwd`.
pub const USER: &str = "65532:65532";

const PROGRAM_MODE: u32 = 0o755;
const CERTIFICATES_MODE: u32 = 0o644;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Why the image could not be created.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The program would not start in the image.
    #[error("the program cannot be used in an image: {0}")]
    Program(#[from] ProgramError),
    /// The layer could not be compressed.
    #[error("the layer: {0}")]
    Layer(io::Error),
    /// A document of the image could not be serialized.
    #[error("the image: {0}")]
    Json(#[from] serde_json::Error),
    /// A file cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
}

/// The image, in memory. It is reproducible: the same program and revision give the same bytes.
#[derive(Debug)]
pub struct Image {
    blobs: Vec<Blob>,
    index: Vec<u8>,
    digest: String,
}

#[derive(Debug)]
struct Blob {
    sha256: String,
    bytes: Vec<u8>,
}

impl Image {
    /// The image with this program, labelled with its version and the revision of its source.
    ///
    /// # Errors
    /// [`ImageError`] if the program would not start in an image that contains no library, or the image cannot be created.
    pub fn new(program: Vec<u8>, version: &str, revision: &Revision) -> Result<Self, ImageError> {
        check_program(&program)?;
        let layer = Layer::new(&[
            LayerFile { path: CERTIFICATES_PATH, mode: CERTIFICATES_MODE, bytes: certificates::bundle().into_bytes() },
            LayerFile { path: PROGRAM_PATH, mode: PROGRAM_MODE, bytes: program },
        ])
        .map_err(ImageError::Layer)?;
        let labels = labels(version, revision);
        let config = Blob::new(serde_json::to_vec(&Config::new(&layer, labels.clone(), &revision.time))?);
        let layer = Blob::new(layer.compressed);
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: config.descriptor(CONFIG),
            layers: [layer.descriptor(LAYER)],
            annotations: labels,
        };
        let manifest = Blob::new(serde_json::to_vec(&manifest)?);
        let entry = Descriptor {
            annotations: Some(BTreeMap::from([("org.opencontainers.image.ref.name", version.to_owned())])),
            platform: Some(PLATFORM),
            ..manifest.descriptor(MANIFEST)
        };
        let index = Index { schema_version: 2, media_type: INDEX, manifests: [entry] };
        let digest = manifest.digest();
        Ok(Self { index: serde_json::to_vec(&index)?, blobs: vec![config, layer, manifest], digest })
    }

    /// The digest of the manifest, by which registries and clusters identify the image: `sha256:…`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Writes the image to a folder as an OCI image layout, and removes everything else in it.
    ///
    /// # Errors
    /// [`ImageError::Io`] if a file cannot be written.
    pub fn write_layout(&self, folder: &Path) -> Result<(), ImageError> {
        let blobs = folder.join("blobs").join("sha256");
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|error| ImageError::Io { path: folder.to_owned(), error })?;
        }
        fs::create_dir_all(&blobs).map_err(|error| ImageError::Io { path: blobs.clone(), error })?;
        let write = |path: PathBuf, bytes: &[u8]| {
            fs::write(&path, bytes).map_err(|error| ImageError::Io { path: path.clone(), error })
        };
        for blob in &self.blobs {
            write(blobs.join(&blob.sha256), &blob.bytes)?;
        }
        write(folder.join("index.json"), &self.index)?;
        write(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)
    }
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { sha256: hex::encode(Sha256::digest(&bytes)), bytes }
    }

    fn digest(&self) -> String {
        format!("sha256:{}", self.sha256)
    }

    fn descriptor(&self, media_type: &'static str) -> Descriptor {
        Descriptor { media_type, digest: self.digest(), size: self.bytes.len(), annotations: None, platform: None }
    }
}

type Labels = BTreeMap<&'static str, String>;

fn labels(version: &str, revision: &Revision) -> Labels {
    let mut labels = Labels::from([
        ("org.opencontainers.image.title", "azurehsm-signer".to_owned()),
        ("org.opencontainers.image.description", "Tezos remote signer for keys in Azure Key Vault".to_owned()),
        ("org.opencontainers.image.licenses", "MIT".to_owned()),
        ("org.opencontainers.image.version", version.to_owned()),
        ("org.opencontainers.image.revision", revision.commit.clone()),
        ("org.opencontainers.image.created", revision.time.clone()),
    ]);
    if let Some(source) = &revision.source {
        labels.insert("org.opencontainers.image.source", source.clone());
    }
    labels
}

#[derive(Debug, Serialize)]
struct Platform {
    architecture: &'static str,
    os: &'static str,
}

const PLATFORM: Platform = Platform { architecture: "amd64", os: "linux" };

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: [Descriptor; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    annotations: Labels,
}

#[derive(Debug, Serialize)]
struct Config {
    created: String,
    #[serde(flatten)]
    platform: Platform,
    #[serde(rename = "config")]
    process: Process,
    rootfs: RootFs,
    history: [Step; 1],
}

/// What a container runs, unless its orchestrator overrides it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process {
    user: &'static str,
    exposed_ports: serde_json::Value,
    entrypoint: [String; 1],
    cmd: [&'static str; 1],
    working_dir: &'static str,
    labels: Labels,
    stop_signal: &'static str,
}

#[derive(Debug, Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: [String; 1],
}

#[derive(Debug, Serialize)]
struct Step {
    created: String,
    created_by: &'static str,
}

impl Config {
    fn new(layer: &Layer, labels: Labels, created: &str) -> Self {
        let process = Process {
            user: USER,
            exposed_ports: serde_json::json!({"6732/tcp": {}}),
            entrypoint: [format!("/{PROGRAM_PATH}")],
            cmd: ["serve"],
            working_dir: "/",
            labels,
            stop_signal: "SIGTERM",
        };
        Self {
            created: created.to_owned(),
            platform: PLATFORM,
            process,
            rootfs: RootFs { r#type: "layers", diff_ids: [format!("sha256:{}", layer.uncompressed_sha256)] },
            history: [Step { created: created.to_owned(), created_by: "packaging --oci" }],
        }
    }
}
