//! Any sample format and channel layout to mono: the mean of the channels without the subwoofer.
//!
//! Not swresample: its stereo-to-mono is 3 dB hotter than the mean and its 5.1 matrix depends on the layout.
#![allow(unsafe_code)] // typed views of an FFmpeg frame's sample planes

use std::slice;

use video_rs::ffmpeg::{ffi, format::Sample, format::sample::Type, frame};

/// Replaces `mono` by the mean of the frame's channels, full scale -1..1. False for a sample format FFmpeg may yet invent.
pub(crate) fn mono(sound: &frame::Audio, mono: &mut Vec<f32>) -> bool {
    let channels = kept_channels(sound);
    mono.clear();
    mono.resize(sound.samples(), 0.0);
    match sound.format() {
        Sample::U8(layout) => mix::<u8>(sound, layout, &channels, mono, |v| (f64::from(v) - 128.0) / 128.0),
        Sample::I16(layout) => mix::<i16>(sound, layout, &channels, mono, |v| f64::from(v) / 32768.0),
        Sample::I32(layout) => mix::<i32>(sound, layout, &channels, mono, |v| f64::from(v) / 2_147_483_648.0),
        Sample::I64(layout) => mix::<i64>(sound, layout, &channels, mono, |v| v as f64 / 2f64.powi(63)),
        Sample::F32(layout) => mix::<f32>(sound, layout, &channels, mono, f64::from),
        Sample::F64(layout) => mix::<f64>(sound, layout, &channels, mono, |v| v),
        Sample::None => return false,
    }
    true
}

/// Number of channels of a frame.
fn channel_count(sound: &frame::Audio) -> usize {
    // SAFETY: a field of a frame that lives as long as the borrow.
    usize::try_from(unsafe { (*sound.as_ptr()).ch_layout.nb_channels }).unwrap_or(0)
}

/// The channels that go into the mean: all but the subwoofers, or all if there is nothing else.
fn kept_channels(sound: &frame::Audio) -> Vec<usize> {
    let all = channel_count(sound);
    let is_low = |&index: &usize| {
        // SAFETY: the layout belongs to the frame; any index may be asked for.
        let channel =
            unsafe { ffi::av_channel_layout_channel_from_index(&(*sound.as_ptr()).ch_layout, index as u32) };
        matches!(channel, ffi::AVChannel::AV_CHAN_LOW_FREQUENCY | ffi::AVChannel::AV_CHAN_LOW_FREQUENCY_2)
    };
    let kept: Vec<usize> = (0..all).filter(|index| !is_low(index)).collect();
    if kept.is_empty() { (0..all).collect() } else { kept }
}

fn mix<T: Copy>(
    sound: &frame::Audio,
    layout: Type,
    kept: &[usize],
    mono: &mut [f32],
    to_unit: impl Fn(T) -> f64,
) {
    let channels = channel_count(sound);
    let scale = 1.0 / kept.len().max(1) as f64;
    let plane_len = if layout == Type::Planar { mono.len() } else { mono.len() * channels };
    let plane = |index: usize| -> &[T] {
        // SAFETY: FFmpeg's frames hold one plane per channel (planar) or one for all (packed) behind `extended_data`,
        // each with a sample of this type (by the frame's format) for every sample counted here.
        unsafe { slice::from_raw_parts((*(*sound.as_ptr()).extended_data.add(index)).cast(), plane_len) }
    };
    match layout {
        Type::Planar => {
            let planes: Vec<&[T]> = kept.iter().map(|&channel| plane(channel)).collect();
            for (i, out) in mono.iter_mut().enumerate() {
                *out = (planes.iter().map(|plane| to_unit(plane[i])).sum::<f64>() * scale) as f32;
            }
        }
        Type::Packed => {
            let frames = plane(0).chunks_exact(channels.max(1));
            for (out, frame) in mono.iter_mut().zip(frames) {
                *out = (kept.iter().map(|&channel| to_unit(frame[channel])).sum::<f64>() * scale) as f32;
            }
        }
    }
}
