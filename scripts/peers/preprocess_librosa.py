"""What `sonovox preprocess` does, by ffmpeg and librosa: the peer of scripts/bench-preprocess.

    python preprocess_librosa.py run DIR CROP WORKERS THREADS VIDEO...      frames and log-mel of each into DIR
    python preprocess_librosa.py video DIR CROP WORKERS THREADS VIDEO...    the frames alone
    python preprocess_librosa.py compare DIR CLIP VIDEO                     how far a clip is from what was made

CROP is {"x", "y", "width", "height"}; THREADS is ffmpeg's -threads (0: its own choice). Prints wall and CPU seconds of
the work as a line of JSON: imports and librosa's first call, which compiles, are not counted.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import librosa
import numpy as np

WIDTH, HEIGHT, RATE = 288, 224, 24000
MEL = dict(sr=RATE, n_fft=1024, win_length=600, hop_length=240, n_mels=128, center=True, pad_mode="constant")


def main(arguments):
    mode, folder, *rest = arguments
    folder = Path(folder)
    if mode == "compare":
        return compare(folder, *map(Path, rest))
    crop, workers, threads, *videos = rest
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(mode, folder, json.loads(crop), int(threads), Path(video)) for video in videos]
    with multiprocessing.get_context("fork").Pool(int(workers), initializer=warm_up) as pool:
        pool.map(ready, range(int(workers)), chunksize=1)
        before = cpu()
        started = time.monotonic()
        spent = sum(pool.map(one, jobs, chunksize=1))
        wall = time.monotonic() - started
        print(json.dumps(dict(wall=wall, cpu=spent + cpu() - before)))


def warm_up():
    log_mel(np.random.default_rng(0).standard_normal(RATE).astype(np.float32))


def ready(_):
    time.sleep(0.2)


def cpu():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def one(job):
    mode, folder, crop, threads, video = job
    before = cpu()
    frames(folder, crop, threads, video)
    if mode == "run":
        speech(folder, threads, video)
    return cpu() - before


def frames(folder, crop, threads, video):
    """The frames as raw grey levels in a file."""
    cut = "crop={width}:{height}:{x}:{y}:exact=1".format(**crop)
    chain = f"{cut},scale={WIDTH}:{HEIGHT}:flags=area,format=gray"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *on(threads), "-i", str(video), "-an", "-vf", chain]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", str(folder / f"{video.stem}.gray")]
    subprocess.run(command, check=True)


def speech(folder, threads, video):
    """The standardised log-mel as f16 in a file."""
    command = ["ffmpeg", "-nostdin", "-v", "error", *on(threads), "-i", str(video), "-vn", "-ac", "1"]
    command += ["-ar", str(RATE), "-f", "f32le", "-"]
    samples = np.frombuffer(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, np.float32)
    rows = log_mel(samples)
    rows = (rows - rows.mean()) / rows.std()
    np.save(folder / f"{video.stem}.npy", rows.T.astype(np.float16))


def on(threads):
    return ["-threads", str(threads)] if threads else []


def log_mel(samples):
    return librosa.power_to_db(librosa.feature.melspectrogram(y=samples, **MEL), ref=1.0, top_db=80.0)


def compare(folder, clip, video):
    tensors = read(clip)
    theirs = np.fromfile(folder / f"{video.stem}.gray", np.uint8).reshape(-1, HEIGHT, WIDTH)
    mel = np.load(folder / f"{video.stem}.npy").astype(np.float32)
    rows = min(len(mel), len(tensors["log_mel"]))
    frames = np.abs(tensors["frames"].astype(np.int16) - theirs).mean()
    # both ends differ: what lies beyond the video is cut off or filled up
    mel = np.abs(tensors["log_mel"][10 : rows - 10].astype(np.float32) - mel[10 : rows - 10]).mean()
    found = dict(frames=len(theirs), mean_grey_level_difference=float(frames), mean_log_mel_difference=float(mel))
    print(json.dumps({key: round(value, 4) for key, value in found.items()}))


def read(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    kinds = {"U8": np.uint8, "F16": np.float16, "F32": np.float32, "F64": np.float64, "I16": np.int16}
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    return tensors


if __name__ == "__main__":
    main(sys.argv[1:])
