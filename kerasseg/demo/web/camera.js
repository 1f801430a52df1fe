// The camera: one frame at a time, as fast as they are dealt with.

const REASONS = {
  NotAllowedError:
    "The browser may not use the camera. Allow it beside the address, then try again.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera does not answer. Does another program use it?",
};

const video = document.createElement("video");
video.muted = video.playsInline = true;

export const running = () => video.srcObject !== null;

/** Opens the camera, the one at the back of a phone. Throws what to tell the user. */
export async function open(width) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers give a camera only to pages of this machine or https.");
  }
  const wanted = { facingMode: "environment", width: { ideal: Math.max(640, width) } };
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await video.play();
  } catch (error) {
    close();
    throw new Error(REASONS[error.name] ?? `The camera failed: ${error.message}`);
  }
}

/** Gives each frame, an ImageBitmap, to `use` until the camera is closed or lost. */
export async function each(use) {
  const [track] = video.srcObject.getVideoTracks();
  while (running()) {
    if (track.readyState === "ended") {
      close();
      throw new Error("The camera was taken away.");
    }
    if (!document.hidden) {
      await use(await createImageBitmap(video, { colorSpaceConversion: "none" }));
    }
    const pause = document.hidden ? (go) => setTimeout(go, 200) : requestAnimationFrame;
    await new Promise(pause);
  }
}

export function close() {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}
