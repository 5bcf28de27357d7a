// Packs that may be taken in, gathered until one button records their receipt. A basket that was
// sent is closed: it is sent again as it was, under its key, until the server has answered.

const PACKS_MAX = 100; // in one event, as the server takes them
const TIMEOUT_MS = 30000;

const byId = (id) => document.getElementById(id);

function newBasket() {
  // crypto.randomUUID is there in secure contexts only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { key: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""), scans: [] };
}

export class Basket {
  #now = newBasket();
  #sent = null;
  #token;

  // `token`: the form's, against forged requests.
  constructor(token) {
    this.#token = token;
    byId("receive").addEventListener("click", () => this.#receive());
  }

  add(scan) {
    const { scans } = this.#now;
    if (scans.includes(scan)) return;
    if (scans.length === PACKS_MAX) return this.#say("The basket is full. Receive it first.");
    scans.push(scan);
    this.#show();
  }

  #show() {
    const waiting = (this.#sent?.scans.length ?? 0) + this.#now.scans.length;
    byId("basket").hidden = false;
    byId("basket-count").textContent = waiting === 1 ? "1 pack waits" : `${waiting} packs wait`;
    byId("receive").disabled = waiting === 0;
  }

  async #receive() {
    byId("receive").disabled = true;
    if (!this.#sent) [this.#sent, this.#now] = [this.#now, newBasket()];
    this.#say("Recording …");
    try {
      await this.#send(this.#sent);
    } catch {
      this.#say("The server did not answer. Try again: nothing is recorded twice.");
    }
    this.#show();
  }

  async #send({ key, scans }) {
    const body = new URLSearchParams(scans.map((scan) => ["scan", scan]));
    const response = await fetch(byId("receive").dataset.address, {
      method: "POST",
      headers: { "X-CSRFToken": this.#token, "Idempotency-Key": key },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    const found = new DOMParser().parseFromString(text, "text/html").querySelector(".received");
    if (response.ok && found) {
      this.#sent = null;
      byId("received").replaceChildren(document.adoptNode(found));
    } else if (response.status >= 500) {
      throw new Error(String(response.status));
    } else {
      this.#say(problemOf(response, text));
    }
  }

  #say(text) {
    const line = document.createElement("p");
    line.textContent = text;
    byId("received").replaceChildren(line);
  }
}

function problemOf(response, text) {
  try {
    const { title, detail } = JSON.parse(text);
    return `Not recorded. ${title}: ${detail}`;
  } catch {
    return `Not recorded (${response.status}). Load this page again, log in if asked, then scan again.`;
  }
}
