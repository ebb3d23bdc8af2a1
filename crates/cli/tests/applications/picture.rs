//! What a picture that a worker answers with is to look like.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A PNG file, as a case describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Picture {
    /// Width and height.
    size: [u32; 2],
    /// Colours, as `rrggbb`, at `x,y` from the top left.
    pixels: BTreeMap<String, String>,
}

impl Picture {
    /// Says how a file differs.
    pub(crate) fn compare(&self, file: &[u8]) -> Result<(), String> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::ALPHA | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
        let bytes = reader.output_buffer_size().ok_or("the picture is too large")?;
        let mut samples = vec![0; bytes];
        let frame = reader.next_frame(&mut samples).map_err(|error| error.to_string())?;
        if [frame.width, frame.height] != self.size {
            return Err(format!("it has {} × {} pixels", frame.width, frame.height));
        }
        let sample_count = frame.color_type.samples();
        for (place, expected) in &self.pixels {
            let (x, y) = place.split_once(',').ok_or("a place is x,y")?;
            let [x, y] = [x, y].map(|number| number.parse::<usize>().unwrap());
            let line =
                samples.chunks(frame.line_size).nth(y).ok_or("a place is beyond the picture")?;
            let pixel = line.chunks(sample_count).nth(x).ok_or("a place is beyond the picture")?;
            let colour: String = pixel[..3].iter().map(|sample| format!("{sample:02x}")).collect();
            if colour != *expected {
                return Err(format!("{place} is {colour} instead of {expected}"));
            }
        }
        Ok(())
    }
}
