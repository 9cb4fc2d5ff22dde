//! The storage of the marks that a command works on: a file, or a container in Cosmos DB.

use super::super::CommandError;
use azurehsm_signer::marks::cosmos::{Inspection, MarkReader};
use azurehsm_signer::marks::{EmbeddedMarkStore, Found, MarkId, MarkStore, StoreError};
use azurehsm_signer::settings::{MarkStoreSettings, MarksSettings, Services};
use azurehsm_signer::wiring::{Azure, make_data_dir, open_marks};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The storage of the marks.
pub(in crate::cli) enum Storage {
    /// An embedded store.
    File(Arc<EmbeddedMarkStore>),
    /// A container, even one that is unsuitable for a signer.
    Container { reader: Box<MarkReader>, azure: Box<Azure>, timeout: Duration },
}

impl Storage {
    /// Opens the store for reading, without changing anything on disk. `None` if an embedded store has never existed.
    ///
    /// # Errors
    /// If the store cannot be opened, in particular if the embedded store was lost.
    pub(in crate::cli) async fn open(settings: &MarksSettings) -> Result<Option<Self>, CommandError> {
        if let MarkStoreSettings::Cosmos(_) = &settings.services.marks {
            return Self::connect(settings).await.map(Some);
        }
        Ok(EmbeddedMarkStore::open_to_read(&settings.services.embedded.marks_file())?
            .map(|store| Self::File(Arc::new(store))))
    }

    /// Opens the store for raising marks. Creates an embedded store if it does not exist.
    pub(super) async fn open_to_raise(settings: &MarksSettings) -> Result<Self, CommandError> {
        if let MarkStoreSettings::Cosmos(_) = &settings.services.marks {
            return Self::connect(settings).await;
        }
        make_data_dir(&settings.services.embedded.data_dir)?;
        let Services { embedded, role, .. } = &settings.services;
        Ok(Self::File(Arc::new(EmbeddedMarkStore::open_to_raise(&embedded.marks_file(), *role)?)))
    }

    async fn connect(settings: &MarksSettings) -> Result<Self, CommandError> {
        let MarkStoreSettings::Cosmos(cosmos) = &settings.services.marks else {
            return Err("the marks are not in Cosmos DB".into());
        };
        let azure = Azure::prepare(&settings.services)?;
        let inspection = Inspection::new(cosmos.clone(), Arc::clone(&azure.tokens), &azure.roots)?;
        let timeout = settings.services.request_deadline;
        let reader = MarkReader::connect(&inspection, Instant::now() + timeout).await.map_err(|error| error.log())?;
        Ok(Self::Container { reader: Box::new(reader), azure: Box::new(azure), timeout })
    }

    /// The item with the name of a mark, even if it is not a mark.
    pub(in crate::cli) async fn look(&self, id: &MarkId) -> Result<Option<Found>, StoreError> {
        match self {
            Self::File(store) => store.look(id).await,
            Self::Container { reader, timeout, .. } => reader.look(id, Instant::now() + *timeout).await,
        }
    }

    /// The store as the signer uses it, which rejects marks if it is unsuitable for them.
    pub(super) async fn store(&self, settings: &MarksSettings) -> Result<Arc<dyn MarkStore>, CommandError> {
        match self {
            Self::File(store) => Ok(Arc::clone(store) as Arc<dyn MarkStore>),
            Self::Container { azure, .. } => Ok(open_marks(&settings.services, Some(azure), None).await?),
        }
    }
}
