//! Temporary.
use std::path::Path;
/// T
pub struct PreviewServer;
impl PreviewServer {
    /// T
    pub fn start(_: &tokio::runtime::Handle) -> Result<Self, std::io::Error> {
        Ok(Self)
    }
    /// T
    pub fn url_for(&self, _: &Path) -> String {
        String::new()
    }
}
