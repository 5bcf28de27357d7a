// A worker that finds the symbols in a picture. It gets {id, width, height, data} with the pixels,
// and answers {id, texts}, each as a scanner sends it: the symbology identifier, then the data with
// GS (0x1D) where FNC1 stood. Before all else it says {ready: true}, or {ready: false} where the
// library is not on this server.

const LIBRARY = new URL("../vendor/zxing-wasm/reader/", import.meta.url);
const OPTIONS = {
  formats: ["DataMatrix", "QRCode", "Code128", "DataBar"],
  textMode: "Plain", // as it is, with separators; not the spelling for people
  tryHarder: true,
  maxNumberOfSymbols: 6,
};

async function load() {
  const library = await import(new URL("index.js", LIBRARY).href);
  // Left alone, it would load the program from elsewhere.
  const overrides = { locateFile: (name) => new URL(name, LIBRARY).href };
  await library.prepareZXingModule({ overrides, fireImmediately: true });
  return library.readBarcodes;
}

const loading = load();
loading.then(
  () => self.postMessage({ ready: true }),
  () => self.postMessage({ ready: false }),
);

async function textsIn(picture) {
  const read = await loading;
  const found = await read(picture, OPTIONS);
  return found.filter((one) => one.isValid).map((one) => one.symbologyIdentifier + one.text);
}

self.addEventListener("message", async ({ data: { id, width, height, data } }) => {
  const picture = new ImageData(new Uint8ClampedArray(data), width, height);
  // A picture that cannot be read holds nothing; the next one comes at once.
  self.postMessage({ id, texts: await textsIn(picture).catch(() => []) });
});
