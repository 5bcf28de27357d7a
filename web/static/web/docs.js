/* The page of the API: its program takes every click on a #fragment for its own, so the way past the
   header is walked here. */
"use strict";

document.querySelector(".skip").addEventListener("click", () => {
  document.getElementById("content").focus();
});
