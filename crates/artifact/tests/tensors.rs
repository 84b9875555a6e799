//! safetensors files: the same bytes for the same tensors, and files that are refused.

mod support;

use std::fs::{self, File};

use safetensors::Dtype;
use sonovox_artifact::{ArtifactError, TensorBytes, read_header, write_tensors};
use support::{assert_says, message};

fn tensors(bytes: &[u8; 8]) -> Vec<TensorBytes<'_>> {
    vec![
        TensorBytes { name: "b", dtype: Dtype::U8, shape: vec![8], bytes },
        TensorBytes { name: "a", dtype: Dtype::F32, shape: vec![2, 1], bytes },
        TensorBytes { name: "none", dtype: Dtype::F64, shape: vec![0, 3], bytes: &[] },
    ]
}

fn header_of(content: &[u8]) -> Result<(safetensors::tensor::Metadata, u64), ArtifactError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.safetensors");
    fs::write(&path, content).expect("written");
    read_header(&File::open(&path).expect("opened"), &path)
}

fn file_bytes(tensors: &[TensorBytes<'_>]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.safetensors");
    write_tensors(&path, tensors).expect("written");
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing unfinished is left");
    fs::read(&path).expect("read")
}

#[test]
fn tensors_come_back_whatever_the_order() {
    let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
    let file = file_bytes(&tensors(&bytes));
    let mut reversed = tensors(&bytes);
    reversed.reverse();
    assert_eq!(file, file_bytes(&reversed), "equal tensors, equal bytes");
    let read = safetensors::SafeTensors::deserialize(&file).expect("safetensors");
    assert_eq!(read.tensor("a").expect("there").data(), bytes);
    assert_eq!(read.tensor("none").expect("there").shape(), [0, 3]);
    let (header, start) = header_of(&file).expect("whole");
    assert_eq!((header.data_len(), start as usize + 16), (16, file.len()));
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let path = tempfile::tempdir().expect("a folder").path().join("x.safetensors");
    let short = TensorBytes { name: "a", dtype: Dtype::F32, shape: vec![3], bytes: &[0; 8] };
    assert_says(&message(write_tensors(&path, &[short])), &["x.safetensors", "`a` F32 [3] of 8 bytes"]);
    let twice = [0; 2].map(|_| TensorBytes { name: "a", dtype: Dtype::U8, shape: vec![1], bytes: &[0] });
    assert_says(&message(write_tensors(&path, &twice)), &["`a` twice"]);
}

#[test]
fn an_old_file_survives_a_write_that_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.safetensors");
    write_tensors(&path, &tensors(&[0; 8])).expect("written");
    let before = fs::read(&path).expect("read");
    let bad = TensorBytes { name: "a", dtype: Dtype::F32, shape: vec![3], bytes: &[] };
    write_tensors(&path, &[bad]).expect_err("refused");
    assert_eq!(fs::read(&path).expect("read"), before);
}

#[test]
fn every_cut_is_an_error() {
    let file = file_bytes(&tensors(&[0; 8]));
    for length in 0..file.len() {
        assert!(header_of(&file[..length]).is_err(), "cut to {length} of {} bytes", file.len());
    }
    let mut longer = file.clone();
    longer.push(0);
    assert_says(&message(header_of(&longer)), &["length in bytes: expected"]);
}

#[test]
fn files_that_are_no_safetensors_are_refused() {
    assert_says(&message(header_of(b"RIFF\0\0\0\0WAVEfmt ")), &["length of the safetensors header"]);
    assert_says(&message(header_of(&u64::MAX.to_le_bytes())), &["length of the safetensors header"]);
    let with_header = |text: &str, data: usize| {
        let mut file = (text.len() as u64).to_le_bytes().to_vec();
        file.extend(text.as_bytes());
        file.resize(file.len() + data, 0);
        header_of(&file)
    };
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    with_header(&tensor("U8", "[4]", "[0,4]"), 4).expect("a file to start from");
    for (fault, header) in [
        ("no JSON", "hello".to_owned()),
        ("unknown type", tensor("U7", "[4]", "[0,4]")),
        ("shape against bytes", tensor("F32", "[4]", "[0,4]")),
        ("offsets backwards", tensor("U8", "[4]", "[4,0]")),
        ("a hole before it", tensor("U8", "[3]", "[1,4]")),
        ("a shape that overflows", tensor("U8", "[18446744073709551615,3]", "[0,4]")),
    ] {
        let said = message(with_header(&header, 4));
        assert!(said.contains("x.safetensors: header: expected a safetensors header"), "{fault}: {said}");
    }
}
