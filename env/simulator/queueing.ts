/** The queueing model of an application: its kernel, and how large a group it needs. */
export { createQueueingCapacity, neededGroupSize, type QueueingCapacity } from './queueing-capacity.ts';
export { createQueueingKernel, type QueueingKernel } from './queueing-kernel.ts';
export { visitsPerRequest } from './queueing-services.ts';
