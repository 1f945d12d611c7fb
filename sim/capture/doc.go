// Package capture reads recorded traffic: pcap and pcapng files of either byte
// order and any resolution, as they are or compressed with gzip, whose frames
// were recorded on Ethernet, in Linux's cooked format, as bare IP packets or on
// a loopback interface.
//
// [Open] looks through a file once and says what is in it ([Info]). Sources
// made from the [File] then stream its frames into a port, in order of time,
// in memory that does not depend on the length of the file: a window for
// frames that were recorded late, and for captures of at most 65,536 frames
// that are replayed more than once, 24 bytes a frame.
//
// What a frame weighs: the length on the wire is the original length of the
// record, whatever the snapshot length was, without the frame check sequence,
// which the path adds (contracts: Sizes). A record shorter than 60 bytes was
// taken before the sender's device padded it and counts as 60, which is the
// least that a receiver can see (RX-24). What was not captured of the headers
// is unknown, and zero.
//
// Cooked and bare packets get an Ethernet header: the destination address
// follows the recorded packet type and the IP destination, the length is that
// of the packet and 14.
//
// Not modelled:
//   - The direction of a frame, the queue it was received on, and the comments
//     of a pcapng file are not read.
//   - Simple packet blocks have no time: each stands at the time of the frame
//     before it.
//   - Name resolution and decryption secrets are kept by the library that
//     reads pcapng, so a file that consists of them takes as much memory.
package capture
