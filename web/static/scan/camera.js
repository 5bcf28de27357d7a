// The camera: a stream in a <video>, its pictures to the reader, what it reads to a listener.
// A stream runs only while the page is in view.

import { Repeats, chooseOne } from "./repeats.js";

const WIDTH_MAX = 1280; // of a picture that is read; a larger one is read no better
const SHAPE = 4 / 3; // what the page shows of the picture, and so what is read of it

// Why there is no picture; `reason` names the words of the page.
export class CameraError extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

const REASONS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
};

export class Camera {
  #video;
  #canvas = document.createElement("canvas");
  #repeats = new Repeats();
  #reader = null;
  #stream = null;
  #asked = 0; // pictures that the reader was given
  #on;

  // `on.stream()`: there will be a picture now. `on.scan(text)`: a new symbol, or undefined where
  // several are in view. `on.end(reason)`: the camera went away.
  constructor(video, on) {
    this.#video = video;
    this.#on = on;
  }

  get isOn() {
    return this.#stream !== null;
  }

  get #track() {
    return this.#stream?.getVideoTracks()[0];
  }

  // Id of the camera that is on.
  get device() {
    return this.#track?.getSettings().deviceId ?? "";
  }

  // Whether this camera has a lamp.
  get hasTorch() {
    return Boolean(this.#track?.getCapabilities?.().torch);
  }

  // Show the picture of the camera `device`, or of the one at the back; throw CameraError.
  async start(device = "") {
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      throw new CameraError("insecure");
    }
    this.stop();
    await this.#load();
    const which = device ? { deviceId: { exact: device } } : { facingMode: { ideal: "environment" } };
    const size = { width: { ideal: 1920 }, height: { ideal: 1080 } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, ...size } });
    } catch (error) {
      // The camera of last time may be gone: any other will do.
      if (device && error.name === "OverconstrainedError") return this.start();
      throw new CameraError(REASONS[error.name] ?? "busy");
    }
    this.#stream = stream;
    this.#track.addEventListener("ended", () => {
      if (this.#stream === stream) {
        this.stop();
        this.#on.end("ended");
      }
    });
    this.#on.stream();
    this.#video.srcObject = stream;
    await this.#focus();
    await this.#video.play().catch(() => {}); // paused by a quick stop
    this.#look(stream);
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
  }

  // Return [id, name] of each camera; names are known once one was allowed.
  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    const cameras = all.filter((one) => one.kind === "videoinput");
    return cameras.map((one, index) => [one.deviceId, one.label || `Camera ${index + 1}`]);
  }

  async setTorch(on) {
    await this.#track?.applyConstraints({ advanced: [{ torch: on }] });
  }

  async #focus() {
    if (!this.#track.getCapabilities?.().focusMode?.includes("continuous")) return;
    await this.#track.applyConstraints({ advanced: [{ focusMode: "continuous" }] }).catch(() => {});
  }

  // Start the reader once; throw CameraError("missing") where this server has none.
  async #load() {
    if (this.#reader) return;
    const reader = new Worker(new URL("reader.js", import.meta.url), { type: "module" });
    const ready = await new Promise((resolve) => {
      reader.addEventListener("message", ({ data }) => resolve(data.ready), { once: true });
      reader.addEventListener("error", () => resolve(false), { once: true });
    });
    if (!ready) {
      reader.terminate();
      throw new CameraError("missing");
    }
    this.#reader = reader;
  }

  // Read one picture after the other, as fast as the reader is, until the stream stops.
  async #look(stream) {
    while (this.#stream === stream) {
      await this.#nextPicture();
      const picture = this.#picture();
      if (picture && this.#stream === stream) this.#take(await this.#read(picture));
    }
  }

  #nextPicture() {
    return new Promise((resolve) => {
      // Without a timer the last picture of a stream that stopped would be waited for in vain.
      const timer = setTimeout(resolve, 500);
      this.#video.requestVideoFrameCallback?.(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #picture() {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return null;
    const width = Math.min(videoWidth, videoHeight * SHAPE);
    const height = width / SHAPE;
    const scale = Math.min(1, WIDTH_MAX / width);
    const canvas = this.#canvas;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const [left, top] = [(videoWidth - width) / 2, (videoHeight - height) / 2];
    context.drawImage(this.#video, left, top, width, height, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  #read({ width, height, data }) {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      const hear = ({ data: answer }) => {
        if (answer.id !== id) return;
        this.#reader.removeEventListener("message", hear);
        resolve(answer.texts);
      };
      this.#reader.addEventListener("message", hear);
      this.#reader.postMessage({ id, width, height, data: data.buffer }, [data.buffer]);
    });
  }

  #take(texts) {
    const text = chooseOne(texts);
    if (text === undefined) this.#on.scan(undefined);
    else if (text !== null && this.#repeats.isNew(text, performance.now())) this.#on.scan(text);
  }
}
