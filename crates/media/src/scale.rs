//! A decoded picture of any pixel format to grey, cropped exactly and area-resized, by swscale.
//!
//! swscale's AREA filter goes straight to GRAY8 at the target size; it widens limited-range luma (16..235) to 0..255,
//! which resizing the raw luma plane would not. Only luma decides a grey level, so a crop may start at an odd pixel:
//! the luma pointer is exact and the chroma pointers, which swscale does not use, are rounded down.
//!
//! An interlaced picture shows two moments in alternate lines. It is read as its first field, which is the one shown at
//! the frame's time: the lines of the other field are replaced by the mean of their neighbours, so nothing combs, the
//! number of frames and their times stay, and half the vertical resolution is given up.
#![allow(unsafe_code)] // swscale, and pointers into picture planes

use std::ptr;

use crate::CropRect;
use video_rs::ffmpeg::{Error as AvError, ffi, format::Pixel, frame};

use crate::Orientation;
use crate::decode::raw_format;

/// Turns pictures into `[height, width]` grey levels.
pub(crate) struct GreyScaler {
    /// The part to keep, in stored pixels.
    crop: CropRect,
    orientation: Orientation,
    /// Size asked for, as shown.
    shown_width: usize,
    /// The resized picture before it is turned; swscale likes its rows aligned.
    scaled: frame::Video,
    /// The whole picture in grey, for what cannot be cropped by a pointer.
    whole: Option<frame::Video>,
    to_whole: Option<Sws>,
    to_scaled: Option<Sws>,
}

impl GreyScaler {
    /// `crop` in shown pixels of a picture of `stored` size; `width`, `height` as shown.
    ///
    /// The caller has checked that the crop lies inside the picture and that no size is zero.
    pub fn new(
        crop: CropRect,
        stored: (u32, u32),
        orientation: Orientation,
        (width, height): (u32, u32),
    ) -> Result<Self, AvError> {
        let (stored_width, stored_height) = orientation.turn_size((width, height));
        Ok(Self {
            crop: orientation.stored_rect(crop, stored),
            orientation,
            shown_width: width as usize,
            scaled: grey_picture(stored_width, stored_height)?,
            whole: None,
            to_whole: None,
            to_scaled: None,
        })
    }

    /// Converts one picture; `out` holds width x height bytes.
    pub fn convert(&mut self, picture: &frame::Video, out: &mut [u8]) -> Result<(), AvError> {
        match planes_at(picture, self.crop).filter(|_| !picture.is_interlaced()) {
            Some(planes) => {
                let source = Source::of(picture, self.crop.width, self.crop.height);
                run(&mut self.to_scaled, source, &planes, &mut self.scaled)?;
            }
            None => self.convert_by_whole(picture)?,
        }
        let stride = self.scaled.stride(0);
        self.orientation.copy(self.scaled.data(0), stride, out, self.shown_width);
        Ok(())
    }

    fn convert_by_whole(&mut self, picture: &frame::Video) -> Result<(), AvError> {
        let size = (picture.width(), picture.height());
        if self.whole.as_ref().is_none_or(|whole| (whole.width(), whole.height()) != size) {
            self.whole = Some(grey_picture(size.0, size.1)?);
        }
        let whole = self.whole.as_mut().expect("just made");
        let planes = Planes::of(picture);
        run(&mut self.to_whole, Source::of(picture, size.0, size.1), &planes, whole)?;
        if picture.is_interlaced() {
            keep_first_field(whole, picture.is_top_first());
        }
        let planes = planes_at(whole, self.crop).expect("grey can be cropped anywhere");
        let source = Source::of(whole, self.crop.width, self.crop.height);
        run(&mut self.to_scaled, source, &planes, &mut self.scaled)
    }
}

/// Replaces the lines of the second field by the mean of the lines above and below (at the rim, by the one there is).
fn keep_first_field(grey: &mut frame::Video, top_first: bool) {
    let (stride, height) = (grey.stride(0), grey.height() as usize);
    let data = grey.data_mut(0);
    for row in (usize::from(top_first)..height).step_by(2) {
        let above = if row > 0 { row - 1 } else { row + 1 };
        let below = if row + 1 < height { row + 1 } else { above };
        if above >= height {
            return; // a single line is its own field
        }
        for x in 0..stride {
            let sum = u16::from(data[above * stride + x]) + u16::from(data[below * stride + x]);
            data[row * stride + x] = sum.div_ceil(2) as u8;
        }
    }
}

fn grey_picture(width: u32, height: u32) -> Result<frame::Video, AvError> {
    let picture = frame::Video::new(Pixel::GRAY8, width, height);
    // SAFETY: looks at a pointer of a frame that is owned here.
    if unsafe { picture.is_empty() } {
        return Err(AvError::Other { errno: video_rs::ffmpeg::util::error::ENOMEM });
    }
    Ok(picture)
}

/// Where the four planes of a picture begin, and how far apart their rows lie in bytes.
struct Planes {
    data: [*const u8; 4],
    strides: [i32; 4],
}

impl Planes {
    fn of(picture: &frame::Video) -> Self {
        // SAFETY: fields of a frame that lives as long as the borrow.
        let raw = unsafe { &*picture.as_ptr() };
        let mut planes = Self { data: [ptr::null(); 4], strides: [0; 4] };
        for i in 0..4 {
            planes.data[i] = raw.data[i];
            planes.strides[i] = raw.linesize[i];
        }
        planes
    }
}

/// The planes as seen from the crop's corner; `None` for formats in which a pixel is not a whole number of bytes of
/// its own (bit-packed, 4:2:2 packed, Bayer).
fn planes_at(picture: &frame::Video, crop: CropRect) -> Option<Planes> {
    let layout = PixelLayout::of(picture.format())?;
    let mut planes = Planes::of(picture);
    for (i, step) in layout.steps.iter().enumerate() {
        let Some(step) = *step else { continue };
        let is_chroma = layout.planar && (i == 1 || i == 2);
        let (shift_x, shift_y) = if is_chroma { layout.chroma_shift } else { (0, 0) };
        let (x, y) = ((crop.x >> shift_x) as isize, (crop.y >> shift_y) as isize);
        let offset = y * planes.strides[i] as isize + x * step as isize;
        // SAFETY: the crop lies inside the picture (checked at the reader's opening against a size that every frame is
        // compared with), so the corner of the crop lies inside this plane.
        planes.data[i] = unsafe { planes.data[i].offset(offset) };
    }
    Some(planes)
}

/// How a pixel format lies in memory, where pixels can be addressed by bytes.
struct PixelLayout {
    /// Bytes from pixel to pixel in each plane; `None` for a plane that is not there or holds the palette.
    steps: [Option<usize>; 4],
    chroma_shift: (u32, u32),
    planar: bool,
}

impl PixelLayout {
    fn of(format: Pixel) -> Option<Self> {
        // SAFETY: any format may be asked for; the answer is null or a constant of FFmpeg's.
        let descriptor = unsafe { ffi::av_pix_fmt_desc_get(format.into()).as_ref()? };
        let has = |flag: i32| descriptor.flags & flag as u64 != 0;
        let planar = has(ffi::AV_PIX_FMT_FLAG_PLANAR);
        let unaddressable = has(ffi::AV_PIX_FMT_FLAG_BITSTREAM)
            || has(ffi::AV_PIX_FMT_FLAG_BAYER)
            || has(ffi::AV_PIX_FMT_FLAG_HWACCEL)
            || (!planar && descriptor.log2_chroma_w > 0);
        if unaddressable {
            return None;
        }
        let mut steps = [None; 4];
        for component in &descriptor.comp[..usize::from(descriptor.nb_components.min(4))] {
            let plane = usize::try_from(component.plane).ok().filter(|&plane| plane < 4)?;
            steps[plane] = Some(usize::try_from(component.step).ok()?);
        }
        let chroma_shift = (u32::from(descriptor.log2_chroma_w), u32::from(descriptor.log2_chroma_h));
        Some(Self { steps, chroma_shift, planar })
    }
}

/// What swscale must know of its input; a change of any of it (mid-file) needs a new context.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Source {
    format: i32,
    width: u32,
    height: u32,
    full_range: bool,
}

impl Source {
    fn of(picture: &frame::Video, width: u32, height: u32) -> Self {
        let full_range = picture.color_range() == video_rs::ffmpeg::color::Range::JPEG;
        Self { format: raw_format(picture), width, height, full_range }
    }
}

/// A swscale context and the input it was made for.
struct Sws {
    context: *mut ffi::SwsContext,
    source: Source,
}

// SAFETY: the context is owned by this value alone and swscale keeps no thread-local state.
unsafe impl Send for Sws {}

impl Drop for Sws {
    fn drop(&mut self) {
        // SAFETY: made by `sws_alloc_context`, freed once.
        unsafe { ffi::sws_freeContext(self.context) };
    }
}

impl Sws {
    fn new(source: Source, target: &frame::Video) -> Result<Self, AvError> {
        // SAFETY: the context is checked for null and owned by `sws` from then on, so it is freed on every path.
        let sws = unsafe { Self { context: ffi::sws_alloc_context(), source } };
        if sws.context.is_null() {
            return Err(AvError::Other { errno: video_rs::ffmpeg::util::error::ENOMEM });
        }
        sws.set(c"srcw", i64::from(source.width))?;
        sws.set(c"srch", i64::from(source.height))?;
        sws.set(c"src_format", i64::from(source.format))?;
        sws.set(c"src_range", i64::from(source.full_range))?;
        sws.set(c"dstw", i64::from(target.width()))?;
        sws.set(c"dsth", i64::from(target.height()))?;
        sws.set(c"dst_format", i64::from(raw_format(target)))?;
        sws.set(c"dst_range", 1)?;
        sws.set(c"sws_flags", i64::from(ffi::SWS_AREA))?;
        // SAFETY: a context with all its options set; no filters.
        match unsafe { ffi::sws_init_context(sws.context, ptr::null_mut(), ptr::null_mut()) } {
            code if code < 0 => Err(AvError::from(code)),
            _ => Ok(sws),
        }
    }

    fn set(&self, name: &std::ffi::CStr, value: i64) -> Result<(), AvError> {
        // SAFETY: the context begins with an AVClass, as every target of av_opt_set must; the name is a C string.
        match unsafe { ffi::av_opt_set_int(self.context.cast(), name.as_ptr(), value, 0) } {
            code if code < 0 => Err(AvError::from(code)),
            _ => Ok(()),
        }
    }
}

/// Scales into the whole of `target`, with a context made anew where the input has changed.
fn run(
    sws: &mut Option<Sws>,
    source: Source,
    planes: &Planes,
    target: &mut frame::Video,
) -> Result<(), AvError> {
    if sws.as_ref().is_none_or(|sws| sws.source != source) {
        *sws = Some(Sws::new(source, target)?);
    }
    let sws = sws.as_mut().expect("just made");
    // SAFETY: the planes hold `source.width` x `source.height` pixels of `source.format` from their pointers on, and
    // the target is a grey picture of the size that the context was made for.
    let code = unsafe {
        let to = &*target.as_mut_ptr();
        ffi::sws_scale(
            sws.context,
            planes.data.as_ptr(),
            planes.strides.as_ptr(),
            0,
            source.height as i32,
            to.data.as_ptr(),
            to.linesize.as_ptr(),
        )
    };
    if code < 0 { Err(AvError::from(code)) } else { Ok(()) }
}
