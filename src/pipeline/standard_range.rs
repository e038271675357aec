//! The filters that bring a picture of high range or of wide gamut into the range and the colours of HD. Pure.

/// Luminance of the white of standard range, in cd/m².
const WHITE_LUMINANCE: u32 = 100;

/// The filters; `input` is what zscale is told of the picture that comes in, with a colon at its end. A picture of high range
/// has light up to `peak_luminance`, in cd/m²; `None` for one that only has a wide gamut.
pub(super) fn filters(input: &str, peak_luminance: Option<u32>, pixel_format: &str) -> Vec<String> {
    // All in one step: a second zscale would not notice where the primaries change midway.
    let mut filters = vec![format!("zscale={input}t=linear:p=bt709:npl={WHITE_LUMINANCE},format=gbrpf32le")];
    filters.extend(peak_luminance.map(|peak| {
        // Newer versions of zscale lose what the frames tell of it.
        let peak = f64::from(peak.max(WHITE_LUMINANCE)) / f64::from(WHITE_LUMINANCE);
        format!("tonemap=tonemap=hable:desat=0:peak={peak}")
    }));
    // Colours that HD does not have have negative parts, which older versions of zscale carry into the luma: whole numbers
    // have none.
    filters.push(format!("zscale=t=bt709:r=pc,format=gbrp16le,zscale=m=bt709:r=tv,format={pixel_format}"));
    filters
}
