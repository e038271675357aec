//! Subtitles that are pictures, as a Blu-ray has them (PGS): no encoder of ffmpeg makes them of text.

/// The screen that they are made for.
const SCREEN: (u16, u16) = (640, 360);
/// The white box: left, top, width and height.
const BOX: [u16; 4] = [160, 240, 320, 80];
const WHITE: [u8; 4] = [235, 128, 128, 255];
/// DVB's encoder of ffmpeg wants more colours than one.
const COLOURS: u8 = 12;

/// A `.sup` file with a white box in the lower middle of the picture at these times, in seconds.
pub fn white_box_at(times: &[(f64, f64)]) -> Vec<u8> {
    let mut file = Vec::new();
    for (number, (start, end)) in (1_u16..).step_by(2).zip(times) {
        let [left, top, width, height] = BOX;
        let window = [&[1, 0][..], &shorts(&[left, top, width, height])].concat();
        let object = [&[0, 0, 0, 0][..], &shorts(&[left, top])].concat();
        let palette = (1..=COLOURS).flat_map(|colour| [&[colour][..], &WHITE].concat());
        // A line: so many pixels of colour 1, and its end.
        let line = [&[0][..], &shorts(&[0xc000 | width]), &[1, 0, 0]].concat();
        let lines = line.repeat(usize::from(height));
        let length = u32::try_from(lines.len() + 4).expect("a small picture").to_be_bytes();
        let picture = [&[0, 0, 0, 0xc0][..], &length[1..], &shorts(&[width, height]), &lines].concat();
        file.extend(part(*start, 0x16, &[&composition(number, 0x80, 1)[..], &object].concat()));
        file.extend(part(*start, 0x17, &window));
        file.extend(part(*start, 0x14, &[0, 0].into_iter().chain(palette).collect::<Vec<u8>>()));
        file.extend(part(*start, 0x15, &picture));
        file.extend(part(*start, 0x80, &[]));
        file.extend(part(*end, 0x16, &composition(number + 1, 0, 0)));
        file.extend(part(*end, 0x17, &window));
        file.extend(part(*end, 0x80, &[]));
    }
    file
}

fn shorts(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn composition(number: u16, state: u8, objects: u8) -> Vec<u8> {
    [&shorts(&[SCREEN.0, SCREEN.1])[..], &[0x10], &shorts(&[number]), &[state, 0, 0, objects]].concat()
}

fn part(time: f64, kind: u8, content: &[u8]) -> Vec<u8> {
    let ticks = ((time * 90_000.0) as u32).to_be_bytes();
    let length = u16::try_from(content.len()).expect("a small part").to_be_bytes();
    [b"PG", &ticks[..], &[0; 4], &[kind], &length, content].concat()
}
