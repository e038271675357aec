//! The flags that say where the files of a stream lie.

use clap::{Args, ValueEnum};

use crate::job::{LayoutKind, StreamLayout, TemplateError};

/// Where the files of a stream lie. Any of the flags replaces all that is set in the window.
#[derive(Debug, Clone, Default, Args)]
pub struct LayoutArguments {
    /// How the files of a stream lie in its folder
    #[arg(long, value_name = "NAME", help_heading = "Layout")]
    pub layout: Option<LayoutName>,
    /// Folder of each stream under the destination, such as videos/{id}/hls, with {id} or {name}, and {preset} {user}
    /// {date:%Y/%m}; from the first part with {rung} {width} {height} {codec} on, the folder of each rendition in it
    #[arg(long, value_name = "TEMPLATE", help_heading = "Layout")]
    pub template: Option<String>,
}

impl LayoutArguments {
    /// The layout, where `set_in_window` says what it is when no flag says anything.
    ///
    /// # Errors
    /// When the template can't be used.
    pub fn resolve(&self, set_in_window: &StreamLayout) -> Result<StreamLayout, TemplateError> {
        if self.layout.is_none() && self.template.is_none() {
            return Ok(set_in_window.clone());
        }
        let template = self.template.as_deref().map(str::parse).transpose()?;
        Ok(StreamLayout { kind: self.layout.map(Into::into).unwrap_or_default(), template })
    }
}

/// How the files of a stream lie in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutName {
    /// NAME/master.m3u8 and NAME/720p/playlist.m3u8, the default
    Own,
    /// hls/ID/master.m3u8 and hls/ID/720p/playlist.m3u8
    RungFolders,
    /// NAME_processed/hls/master.m3u8 and hls/720p.m3u8, hls/segments/, thumbnails/
    Processed,
}

impl From<LayoutName> for LayoutKind {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Own => Self::Own,
            LayoutName::RungFolders => Self::RungFolders,
            LayoutName::Processed => Self::Processed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_replaces_what_is_set_in_the_window() {
        let set = StreamLayout { kind: LayoutKind::Processed, template: Some("videos/{id}".parse().unwrap()) };
        let flags = |layout, template: Option<&str>| {
            LayoutArguments { layout, template: template.map(str::to_owned) }.resolve(&set)
        };
        assert_eq!(flags(None, None).unwrap(), set);
        assert_eq!(flags(Some(LayoutName::Own), None).unwrap(), StreamLayout::default());
        let layout = flags(None, Some("{name}/{rung}")).unwrap();
        assert_eq!(
            layout,
            StreamLayout { template: Some("{name}/{rung}".parse().unwrap()), ..StreamLayout::default() }
        );
        assert!(flags(None, Some("videos")).is_err());
    }
}
