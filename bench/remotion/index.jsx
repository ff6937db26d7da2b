// The benchmark's projects in Remotion: a project document as React components, for what the cases use.
import React from "react";
import {AbsoluteFill, Composition, Img, Loop, Audio, Sequence, interpolate, registerRoot, staticFile, useCurrentFrame, useVideoConfig, Easing} from "remotion";

const animated = (element, property, seconds) => {
  const found = (element.animations || []).find((a) => a.property === property);
  if (!found) return null;
  const easing = found.easing === "ease-out" ? Easing.bezier(0, 0, 0.58, 1) : (x) => x;
  return interpolate(seconds, [found.start, found.start + found.duration], [found.from, found.to],
    {extrapolateLeft: "clamp", extrapolateRight: "clamp", easing});
};

const Element = ({element}) => {
  const seconds = useCurrentFrame() / useVideoConfig().fps;
  const box = {position: "absolute", left: element.x, top: element.y, width: element.width, height: element.height, overflow: "hidden"};
  if (element.type === "image") {
    const zoom = animated(element, "scale", seconds) ?? 1;
    return <div style={box}><Img src={staticFile(element.src)} style={{width: "100%", height: "100%", objectFit: "cover", transform: `scale(${zoom})`}} /></div>;
  }
  const x = animated(element, "x", seconds) ?? 0;
  return <div style={{...box, overflow: "visible", transform: `translateX(${x}px)`, fontSize: element.fontSize, fontWeight: element.fontWeight, color: element.color, fontFamily: "sans-serif"}}>{element.text}</div>;
};

const Slide = ({slide, fadeIn}) => {
  const frame = useCurrentFrame();
  const opacity = fadeIn ? Math.min(1, frame / fadeIn) : 1;
  return <AbsoluteFill style={{backgroundColor: slide.background.color, opacity}}>
    {slide.elements.map((element) => <Element key={element.id} element={element} />)}
  </AbsoluteFill>;
};

const Film = ({project}) => {
  const {fps, width} = useVideoConfig();
  let at = 0;
  const parts = project.slides.map((slide, index) => {
    const fade = index ? project.slides[index - 1].transition?.duration ?? 0 : 0;
    at -= fade;
    const from = Math.round(at * fps);
    at += slide.duration;
    return <Sequence key={slide.id} from={from} durationInFrames={Math.round(slide.duration * fps)}><Slide slide={slide} fadeIn={Math.round(fade * fps)} /></Sequence>;
  });
  return <AbsoluteFill><div style={{position: "absolute", width: 1920, height: 1080, transformOrigin: "0 0", transform: `scale(${width / 1920})`}}>{parts}</div>
    {project.audio.map((track) => <Audio key={track.id} src={staticFile(track.src)} loop volume={track.volume} />)}
  </AbsoluteFill>;
};

const Root = () => <Composition id="film" component={Film} defaultProps={{project: {slides: [], audio: []}}} width={1920} height={1080} fps={30} durationInFrames={30}
  calculateMetadata={({props}) => ({width: props.width, height: props.height, fps: props.fps, durationInFrames: props.frames})} />;

registerRoot(Root);
