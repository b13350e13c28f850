// Metrics of a plugin's own. Each label is a name and a value.

import { givePairs, release } from "./memory";
import { utf8 } from "./text";

@external("gatewit:plugin/metrics@0.1.0", "add")
declare function callAdd(name: usize, length: usize, delta: u64, labels: usize, count: usize): void;
export function add(name: string, delta: u64, labels: string[][] = []): void {
  const said = utf8(name);
  callAdd(said.dataStart, said.length, delta, givePairs(labels), labels.length);
  release();
}

@external("gatewit:plugin/metrics@0.1.0", "set-gauge")
declare function callSetGauge(name: usize, length: usize, value: f64, labels: usize, count: usize): void;
export function setGauge(name: string, value: f64, labels: string[][] = []): void {
  const said = utf8(name);
  callSetGauge(said.dataStart, said.length, value, givePairs(labels), labels.length);
  release();
}

@external("gatewit:plugin/metrics@0.1.0", "observe")
declare function callObserve(name: usize, length: usize, value: f64, labels: usize, count: usize): void;
export function observe(name: string, value: f64, labels: string[][] = []): void {
  const said = utf8(name);
  callObserve(said.dataStart, said.length, value, givePairs(labels), labels.length);
  release();
}
